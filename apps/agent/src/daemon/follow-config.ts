import { GRANTS_CONFIG_MAP } from '@hikyaku/config';
import { isProviderError } from '@hikyaku/core';
import type { CallOptions, Clock, Logger } from '@hikyaku/core';
import { isKubeError, path, watchByName } from '@hikyaku/kube-client';
import type { KubeClient } from '@hikyaku/kube-client';
import type { ConfigInput } from './config-input.ts';
import type { LiveConfig } from './live-config.ts';

export interface FollowConfigOptions {
  readonly live: LiveConfig;
  readonly input: ConfigInput;
  /** Where the grants stand that it is held to; absent: it is held to none. */
  readonly grants: { readonly client: KubeClient; readonly namespace: string } | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
}

const TRY_AGAIN_MS = 2_000;

/** Takes changes of the config and of the grants as they come, until the signal aborts. */
export async function followConfig(
  { live, input, grants, logger, clock }: FollowConfigOptions,
  { signal }: CallOptions,
): Promise<void> {
  let turn: Promise<void> = Promise.resolve();

  /** One at a time, and again until it could be done. */
  async function look(granted: boolean): Promise<void> {
    turn = turn.then(async () => {
      while (!signal.aborted) {
        try {
          await live.look({ signal, granted });
          return;
        } catch (error) {
          if (signal.aborted) return;
          if (!isKubeError(error) && !isProviderError(error)) throw error;
          logger.warn({ error }, 'config not looked at');
          await clock.sleep(TRY_AGAIN_MS, { signal }).catch(() => {});
        }
      }
    });
    await turn;
  }

  async function follow(changes: () => AsyncIterable<unknown>, granted: boolean): Promise<void> {
    for (;;) {
      try {
        for await (const _ of changes()) await look(granted);
      } catch (error) {
        if (signal.aborted) return;
        if (!isKubeError(error)) throw error;
        logger.warn({ error }, granted ? 'grants not followed' : 'config not followed');
        await clock.sleep(60_000, { signal }).catch(() => {});
      }
    }
  }

  const following = [follow(() => input.changes({ signal }), false)];
  if (grants !== undefined) {
    const collection = path`/api/v1/namespaces/${grants.namespace}/configmaps`;
    following.push(follow(() => watchByName(grants.client, collection, GRANTS_CONFIG_MAP, { signal }), true));
  }
  await Promise.all(following);
}
