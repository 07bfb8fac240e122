import { GRANTS_CONFIG_MAP } from '@hikyaku/config';
import { isProviderError } from '@hikyaku/core';
import type { CallOptions, Clock, Logger } from '@hikyaku/core';
import { isKubeError, path, watchByName } from '@hikyaku/kube-client';
import type { KubeClient } from '@hikyaku/kube-client';
import type { ConfigInput } from './config-input.ts';
import type { LiveConfig } from './live-config.ts';
import { REFUSALS } from './refusals.ts';

export interface FollowConfigOptions {
  readonly live: Pick<LiveConfig, 'look' | 'keepAgain' | 'problem'>;
  readonly input: Pick<ConfigInput, 'changes'>;
  /** Where the grants stand that it is held to; absent: it is held to none. */
  readonly grants: { readonly client: KubeClient; readonly namespace: string } | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
}

const TRY_AGAIN_MS = 2_000;
const LOOK_AGAIN_MS = 60_000;
const TRY_AGAIN_AT_MOST_MS = 60_000;

/** Takes changes of the config and of the grants as they come, until the signal aborts. */
export async function followConfig(
  { live, input, grants, logger, clock }: FollowConfigOptions,
  { signal }: CallOptions,
): Promise<void> {
  let turn: Promise<void> = Promise.resolve();

  /** One at a time, and again until it could be done. */
  async function look(granted: boolean): Promise<void> {
    turn = turn.then(async () => {
      for (let waitMs = TRY_AGAIN_MS; !signal.aborted; waitMs = Math.min(waitMs * 2, TRY_AGAIN_AT_MOST_MS)) {
        try {
          await live.look({ signal, granted });
          return;
        } catch (error) {
          if (signal.aborted) return;
          if (!isKubeError(error) && !isProviderError(error)) throw error;
          if (waitMs === TRY_AGAIN_MS) logger.warn({ error }, 'config cannot be looked at now');
          await clock.sleep(waitMs, { signal }).catch(() => {});
        }
      }
    });
    await turn;
  }

  async function follow(changes: () => AsyncIterable<unknown>, granted: boolean): Promise<void> {
    let said: string | undefined;
    while (!signal.aborted) {
      try {
        for await (const _ of changes()) {
          said = undefined;
          await look(granted);
        }
      } catch (error) {
        if (signal.aborted) return;
        if (!isKubeError(error)) throw error;
        if (said !== error.message) logger.warn({ error }, granted ? 'grants not followed' : 'config not followed');
        said = error.message;
        await clock.sleep(LOOK_AGAIN_MS, { signal }).catch(() => {});
        // Where it may not be watched it may still be read.
        await look(granted);
      }
    }
  }

  async function keepAgain(): Promise<void> {
    turn = turn.then(async () => {
      try {
        await live.keepAgain({ signal });
      } catch (error) {
        if (!signal.aborted) throw error;
      }
    });
    await turn;
  }

  /** It may be refused for the lack of something that has come meanwhile: the file of a plug-in, for example. */
  async function lookAgain(): Promise<void> {
    while (!signal.aborted) {
      await clock.sleep(LOOK_AGAIN_MS, { signal }).catch(() => {});
      if (signal.aborted) return;
      await keepAgain();
      if (live.problem !== undefined) await look(true);
    }
  }

  const following = [lookAgain(), follow(() => input.changes({ signal }), false)];
  if (grants !== undefined) {
    const collection = path`/api/v1/namespaces/${grants.namespace}/configmaps`;
    following.push(
      follow(() => watchByName(grants.client, collection, GRANTS_CONFIG_MAP, { signal, refusals: REFUSALS }), true),
    );
  }
  await Promise.all(following);
}
