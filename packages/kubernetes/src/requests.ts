import type { CallOptions } from '@hikyaku/core';
import { isKubeError } from '@hikyaku/kube-client';
import type { ConfigMapObject, KubeClient } from '@hikyaku/kube-client';
import { OWN } from './ownership.ts';
import type { Access } from './ownership.ts';

/** One entry of the ConfigMap `hikyaku-request`, by which the agent that leads is asked for something. */
export interface AgentRequest {
  /** `notice`: another replica was told that a source has changed. It is never answered, and only the last one of a source is kept. */
  readonly kind: 'refresh' | 'status' | 'notice';
  readonly what?: readonly string[];
  /** ISO 8601. */
  readonly at: string;
  readonly by?: string;
}

const CONFLICT_ROUNDS = 5;

/** Puts entries into the ConfigMap, by their keys; those that are there stay as they are. Throws KubeError. */
export async function putRequests(
  client: Pick<KubeClient, 'configMaps'>,
  { agent }: Pick<Access, 'agent'>,
  requests: ReadonlyMap<string, AgentRequest>,
  options: CallOptions,
): Promise<void> {
  const entries = [...requests].map(([key, request]) => [key, JSON.stringify(request)]);
  for (let round = 1; ; round++) {
    const live = await client.configMaps.get(agent, OWN.request, options);
    const { managedFields: _, ...metadata } = live.metadata;
    const data = { ...live.data, ...Object.fromEntries(entries) };
    try {
      await client.configMaps.replace({ ...live, metadata, data }, options);
      return;
    } catch (error) {
      if (round === CONFLICT_ROUNDS || !isKubeError(error) || error.code !== 'CONFLICT') throw error;
    }
  }
}

/** The key of a notice: one for each source. */
export function noticeKey(source: string): string {
  return `notice.${source}`;
}

/** The notices that stand in the ConfigMap, by source: a text that is another one for another notice. */
export function noticesIn({ data = {} }: Pick<ConfigMapObject, 'data'>): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(data).flatMap(([key, text]) => {
      const [, source] = /^notice\.([a-z0-9-]{1,40})$/.exec(key) ?? [];
      return source === undefined ? [] : [[source, text] as const];
    }),
  );
}
