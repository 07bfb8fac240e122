import type { CallOptions } from '@hikyaku/core';
import { isKubeError } from '@hikyaku/kube-client';
import type { ConfigMapObject, KubeClient } from '@hikyaku/kube-client';
import { OWN } from './ownership.ts';
import type { Access } from './ownership.ts';

const CONFLICT_ROUNDS = 5;

/**
 * Says in the ConfigMap `hikyaku-request` that these sources have changed, for the replica that leads: a key for each source, which holds only when
 * it was said last. Nobody answers, and whoever tidies up may take them out. Throws KubeError.
 */
export async function putNotices(
  client: Pick<KubeClient, 'configMaps'>,
  { agent }: Pick<Access, 'agent'>,
  { sources, at }: { readonly sources: Iterable<string>; readonly at: Date },
  options: CallOptions,
): Promise<void> {
  const text = JSON.stringify({ at: at.toISOString() });
  const notices = Object.fromEntries([...sources].map((source) => [noticeKey(source), text]));
  for (let round = 1; ; round++) {
    const live = await client.configMaps.get(agent, OWN.request, options);
    try {
      await client.configMaps.replace({ ...live, data: { ...live.data, ...notices } }, options);
      return;
    } catch (error) {
      if (round === CONFLICT_ROUNDS || !isKubeError(error) || error.code !== 'CONFLICT') throw error;
    }
  }
}

/** One for each source. */
export function noticeKey(source: string): string {
  return `notice.${source}`;
}

/** The notices that stand there, by source: a text that is another one for another notice. */
export function noticesIn({ data = {} }: Pick<ConfigMapObject, 'data'>): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(data).flatMap(([key, text]) => {
      const [, source] = /^notice\.([a-z0-9-]{1,40})$/.exec(key) ?? [];
      return source === undefined ? [] : [[source, text] as const];
    }),
  );
}
