import { createHash } from 'node:crypto';
import type { CallOptions } from '@hikyaku/core';
import { isKubeError, metadataOnly, path } from '@hikyaku/kube-client';
import type { KubeClient, KubeResponse } from '@hikyaku/kube-client';
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
export async function putEvent(
  client: Pick<KubeClient, 'request'>,
  event: AgentEvent,
  options: PutEventOptions,
): Promise<void> {
  const { namespace, at, signal } = options;
  const { type, reason, message } = event;
  const name = eventName(event.about);
  const time = new Date(at).toISOString().replace(/\.\d+Z$/, 'Z');
  const involvedObject = await statusObject(client, namespace, { signal });
  const body = {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { namespace, name },
    involvedObject,
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
  await client.request('PUT', path`/api/v1/namespaces/${namespace}/events/${name}`, {
    body,
    accept: metadataOnly,
    signal,
  });
}

/** With its uid, by which `kubectl describe` finds its Events. */
async function statusObject(
  client: Pick<KubeClient, 'request'>,
  namespace: string,
  options: CallOptions,
): Promise<object> {
  const where = { apiVersion: 'v1', kind: 'ConfigMap', namespace, name: OWN.status };
  const request = path`/api/v1/namespaces/${namespace}/configmaps/${OWN.status}`;
  try {
    const uid = uidIn(await client.request('GET', request, { ...options, accept: metadataOnly }));
    return uid === undefined ? where : { ...where, uid };
  } catch (error) {
    if (!isKubeError(error) || error.code !== 'NOT_FOUND') throw error;
    return where;
  }
}

function uidIn({ body }: KubeResponse): string | undefined {
  const metadata = isRecord(body) ? body['metadata'] : undefined;
  const uid = isRecord(metadata) ? metadata['uid'] : undefined;
  return typeof uid === 'string' ? uid : undefined;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
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
