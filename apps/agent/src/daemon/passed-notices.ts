import type { CallOptions, Clock, Logger } from '@hikyaku/core';
import { isKubeError, path, watchByName } from '@hikyaku/kube-client';
import type { ConfigMapObject, KubeClient } from '@hikyaku/kube-client';
import { noticesIn, OWN, putNotices } from '@hikyaku/kubernetes';
import type { Access } from '@hikyaku/kubernetes';
import { REFUSALS } from './refusals.ts';

export interface PassedNoticesOptions {
  readonly client: KubeClient;
  readonly access: Access;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Between two writes of this replica. A flood of notices is a write each time. */
const PAUSE_MS = 2_000;

/** Between replicas: who does not lead passes notices on, by way of the ConfigMap `hikyaku-request`. */
export class PassedNotices {
  readonly #options: PassedNoticesOptions;
  #waiting = new Set<string>();
  #called = Promise.withResolvers<void>();

  constructor(options: PassedNoticesOptions) {
    this.#options = options;
  }

  /** To the replica that leads. */
  pass(source: string): void {
    this.#waiting.add(source);
    this.#called.resolve();
  }

  /** Writes what is passed on, until the signal aborts. */
  async send({ signal }: CallOptions): Promise<void> {
    const { client, access, clock, logger } = this.#options;
    signal.addEventListener('abort', () => this.#called.resolve(), { once: true });
    let isSaid = false;
    while (!signal.aborted) {
      await this.#called.promise;
      if (signal.aborted) return;
      this.#called = Promise.withResolvers();
      const sources = this.#waiting;
      this.#waiting = new Set();
      try {
        await putNotices(client, access, { sources, at: new Date(clock.now()) }, { signal });
        isSaid = false;
      } catch (error) {
        if (signal.aborted) return;
        if (!isKubeError(error)) throw error;
        if (!isSaid) logger.warn({ sources: [...sources], error }, 'notices not passed on');
        isSaid = true;
        for (const source of sources) this.pass(source);
      }
      await clock.sleep(PAUSE_MS, { signal }).catch(() => {});
    }
  }

  /** Calls with each source of which another replica has been told, until the signal aborts; at first also with those of before. */
  async receive(onNotice: (source: string) => void, { signal }: CallOptions): Promise<void> {
    const { client, access, clock, logger } = this.#options;
    const collection = path`/api/v1/namespaces/${access.agent}/configmaps`;
    let before: ReadonlyMap<string, string> = new Map();
    let isSaid = false;
    while (!signal.aborted) {
      try {
        for await (const event of watchByName<ConfigMapObject>(client, collection, OWN.request, {
          signal,
          refusals: REFUSALS,
        })) {
          isSaid = false;
          if (event.type !== 'PRESENT') continue;
          const now = noticesIn(event.object);
          for (const [source, text] of now) if (before.get(source) !== text) onNotice(source);
          before = now;
        }
      } catch (error) {
        if (signal.aborted) return;
        if (!isKubeError(error)) throw error;
        if (!isSaid) logger.warn({ error }, 'notices of other replicas not followed');
        isSaid = true;
        await clock.sleep(60_000, { signal }).catch(() => {});
      }
    }
  }
}
