import { createHash } from 'node:crypto';
import type { CallOptions } from '@hikyaku/core';
import { path } from '@hikyaku/kube-client';
import type { KubeClient } from '@hikyaku/kube-client';
import { OWN } from './ownership.ts';

/** What a person should know of one thing. */
export interface AgentEvent {
  /** The same for the same thing: the Event of before is replaced. */
  readonly about: readonly string[];
  /** `Warning`: somebody has to do something. */
  readonly type: 'Normal' | 'Warning';
  /** One word in CamelCase. */
  readonly reason: string;
  readonly message: string;
}

export interface PutEventOptions extends CallOptions {
  /** The agent's own namespace. */
  readonly namespace: string;
  /** Milliseconds of the wall clock. */
  readonly at: number;
}

/** More than this the API server does not take in the newer kind of Events. */
const LONGEST_MESSAGE = 1_000;

/**
 * Puts the Event of one thing: the API server makes it where there is none, so that no right to read is needed. It regards the ConfigMap with the
 * status, as an Event stands in the namespace of what it regards. Throws KubeError.
 */
export async function putEvent(client: KubeClient, event: AgentEvent, options: PutEventOptions): Promise<void> {
  const { namespace, at, signal } = options;
  const { type, reason, message } = event;
  const name = eventName(event.about);
  const time = new Date(at).toISOString().replace(/\.\d+Z$/, 'Z');
  const body = {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { namespace, name },
    involvedObject: { apiVersion: 'v1', kind: 'ConfigMap', namespace, name: OWN.status },
    type,
    reason,
    message: cut(message),
    firstTimestamp: time,
    lastTimestamp: time,
    count: 1,
    source: { component: 'hikyaku' },
    reportingComponent: 'hikyaku.dev/agent',
    reportingInstance: 'hikyaku',
  };
  await client.request('PUT', path`/api/v1/namespaces/${namespace}/events/${name}`, { body, signal });
}

/** A name to be read and, as others may be written alike, a hash that tells them apart. */
function eventName(about: readonly string[]): string {
  const words = about
    .join('.')
    .toLowerCase()
    .replaceAll(/[^a-z0-9.-]+/g, '.')
    .replaceAll(/[.-]*\.[.-]*/g, '.');
  const hash = createHash('sha256').update(JSON.stringify(about)).digest('hex').slice(0, 10);
  return `hikyaku.${words.slice(0, 180).replace(/[.-]+$/, '')}.${hash}`;
}

function cut(message: string): string {
  const text = Buffer.from(message);
  if (text.length <= LONGEST_MESSAGE) return message;
  const whole = new TextDecoder().decode(text.subarray(0, LONGEST_MESSAGE - 3), { stream: true });
  return `${whole}…`;
}
