import type { CallOptions, Clock } from '@hikyaku/core';
import { isKubeError, metadataOnly, path } from '@hikyaku/kube-client';
import type { KubeClient } from '@hikyaku/kube-client';
import type { SeenSecrets } from './seen-secrets.ts';

export interface WatchSecretsOptions extends CallOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly seen: SeenSecrets;
  readonly clock: Clock;
}

/** The server ends a watch every few minutes, or in quick succession while it stops. */
const BETWEEN_WATCHES_MS = 1_000;

/**
 * Yields when a Secret that was read has changed, by one watch each; one that cannot be read yet is watched as soon as it can.
 * Returns when none of them may be watched. Throws what breaks one watch, and the signal's reason.
 */
export async function* watchSecrets({
  signal,
  ...options
}: WatchSecretsOptions): AsyncGenerator<void, void, undefined> {
  const { seen } = options;
  const stop = new AbortController();
  const watching = new Map<string, Promise<void>>();
  const news: ('changed' | 'ended' | { readonly failure: unknown })[] = [];
  let wake = (): void => {};
  function tell(what: (typeof news)[number]): void {
    news.push(what);
    wake();
  }
  function watchNew(): void {
    for (const name of seen.names) {
      if (watching.has(name)) continue;
      const watch = watchSecret(name, () => tell('changed'), { ...options, signal: stop.signal });
      watching.set(
        name,
        watch.then(
          () => tell('ended'),
          (failure: unknown) => tell({ failure }),
        ),
      );
    }
  }
  function onAbort(): void {
    tell({ failure: signal.reason });
  }

  using _ = seen.onNew(watchNew);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    signal.throwIfAborted();
    watchNew();
    for (let ended = 0; ended === 0 || ended < watching.size;) {
      const next = news.shift();
      if (next === undefined) await new Promise<void>((resolve) => (wake = resolve));
      else if (next === 'changed') yield;
      else if (next === 'ended') ended += 1;
      else throw next.failure;
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    stop.abort();
    await Promise.all(watching.values());
  }
}

/** Ends where this Secret may not be watched. */
async function watchSecret(
  name: string,
  onChange: () => void,
  { client, namespace, seen, clock, signal }: WatchSecretsOptions,
): Promise<void> {
  // From what was read on, so that nothing in between is missed.
  let resourceVersion = seen.version(name)?.split(':')[1];
  for (;;) {
    try {
      const query = { fieldSelector: `metadata.name=${name}`, resourceVersion };
      const events = client.watch(path`/api/v1/namespaces/${namespace}/secrets`, {
        signal,
        query,
        accept: metadataOnly,
      });
      for await (const { type, object } of events) {
        ({ resourceVersion } = object.metadata);
        const isKnown = type === 'ADDED' && `${object.metadata.uid}:${resourceVersion}` === seen.version(name);
        if (type !== 'BOOKMARK' && !isKnown) onChange();
      }
    } catch (error) {
      if (signal.aborted || !isKubeError(error)) throw error;
      if (error.code === 'FORBIDDEN') return;
      if (error.code !== 'GONE') throw error;
      // What happened since is not told any more.
      resourceVersion = undefined;
      onChange();
    }
    await clock.sleep(BETWEEN_WATCHES_MS, { signal });
  }
}
