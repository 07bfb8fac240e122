import type { KubeClient } from './kube-client.ts';
import { isKubeError } from './kube-error.ts';
import type { KubeError } from './kube-error.ts';
import type { KubeObject } from './objects.ts';
import { pause } from './pause.ts';

/** `UNKNOWN`: what happened for a while was not seen, so look yourself. */
export type NamedEvent<T extends KubeObject = KubeObject> =
  | { readonly type: 'PRESENT'; readonly object: T }
  | { readonly type: 'ABSENT' }
  | { readonly type: 'UNKNOWN' };

export interface WatchByNameOptions {
  readonly signal: AbortSignal;
  readonly accept?: string | undefined;
  /**
   * How many refusals in a row are waited out: an API server that has just started answers 403 until it has loaded its rules. None by
   * default, as for most that is how it stays.
   */
  readonly refusals?: number | undefined;
  /** Called for every failure that is waited out, before the pause that follows it. */
  readonly onError?: ((error: KubeError) => void) | undefined;
  /** Pause after the first failure; doubles up to `maximumDelayMs`. Default 1,000. */
  readonly minimumDelayMs?: number | undefined;
  /** Default 30,000. */
  readonly maximumDelayMs?: number | undefined;
}

/**
 * One object by its name, as it is when it is there and at every change; an absent one is told of once it has gone, not at first.
 * `collection` is the path of its kind and namespace. Watches again by itself until the signal aborts; throws `FORBIDDEN` where it may
 * not be watched: the verb watch for that one name is enough.
 */
export async function* watchByName<T extends KubeObject = KubeObject>(
  client: Pick<KubeClient, 'watch'>,
  collection: string,
  name: string,
  { signal, accept, refusals = 0, onError, minimumDelayMs = 1_000, maximumDelayMs = 30_000 }: WatchByNameOptions,
): AsyncGenerator<NamedEvent<T>, never, undefined> {
  let resourceVersion: string | undefined;
  let delayMs = minimumDelayMs;
  let refused = 0;
  for (;;) {
    try {
      const query = { fieldSelector: `metadata.name=${name}`, resourceVersion };
      for await (const { type, object } of client.watch<T>(collection, { signal, query, accept })) {
        ({ resourceVersion } = object.metadata);
        delayMs = minimumDelayMs;
        refused = 0;
        if (type === 'DELETED') yield { type: 'ABSENT' };
        else if (type !== 'BOOKMARK') yield { type: 'PRESENT', object };
      }
      // The server ended it, as it does every few minutes, or in quick succession while it stops.
      await pause(minimumDelayMs, signal);
    } catch (error) {
      if (signal.aborted || !isKubeError(error)) throw error;
      refused = error.code === 'FORBIDDEN' ? refused + 1 : 0;
      if (refused > refusals) throw error;
      onError?.(error);
      await pause(Math.min(error.retryAfterMs ?? delayMs, 10 * maximumDelayMs), signal);
      delayMs = Math.min(delayMs * 2, maximumDelayMs);
      if (error.code === 'UNAVAILABLE' || refused > 0) continue;
      // A resourceVersion that is too old, or that a restored server does not know.
      resourceVersion = undefined;
      yield { type: 'UNKNOWN' };
    }
  }
}
