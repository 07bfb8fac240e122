import type { CallOptions, Clock } from '@hikyaku/core';
import { backoffMs, jitter } from './backoff.ts';
import type { OriginSecret, PushOrigin } from './push-origin.ts';
import type { SourcePushes } from './source-pushes.ts';

export interface FollowPushesOptions {
  readonly origin: PushOrigin;
  readonly clock: Clock;
  /** How often Secrets and source are compared though no change was noticed. */
  readonly resyncMs: number;
}

/** Between two rounds, however often a Secret changes. */
const AFTER_ROUND_MS = 100;
const WATCH_BACKOFF = { firstMs: 1_000, mostMs: 60_000 };

/** Pushes at the start, when a Secret changes and at each resync, until `stopping` aborts; `signal` cuts off what is under way. */
export async function followPushes(
  pushes: SourcePushes,
  { origin, clock, resyncMs }: FollowPushesOptions,
  { signal, stopping }: CallOptions & { readonly stopping: AbortSignal },
): Promise<void> {
  const { wake } = pushes;

  async function watch(secret: OriginSecret): Promise<void> {
    for (let failures = 0; !stopping.aborted;) {
      try {
        for await (const _ of origin.watch(secret, { signal: stopping })) {
          failures = 0;
          wake.up();
        }
        // It may not be watched. That may change, and a resync looks at it meanwhile.
        await clock.sleep(resyncMs, { signal: stopping });
      } catch {
        if (stopping.aborted) return;
        failures += 1;
        await clock.sleep(backoffMs(WATCH_BACKOFF, failures, Math.random), { signal: stopping }).catch(() => {});
        // What happened meanwhile was not seen.
        wake.up();
      }
    }
  }

  const watching = pushes.granted.map(watch);
  let resyncAt = clock.monotonic() + jitter(resyncMs, 0.1, Math.random);
  wake.up();
  try {
    while (!stopping.aborted) {
      await wake.wait(Math.min(resyncAt, pushes.nextRetryAt) - clock.monotonic(), clock, stopping);
      if (stopping.aborted) break;
      const resync = clock.monotonic() >= resyncAt;
      if (resync) resyncAt = clock.monotonic() + jitter(resyncMs, 0.1, Math.random);
      await pushes.push({ resync, signal, stopping });
      await clock.sleep(AFTER_ROUND_MS, { signal: stopping }).catch(() => {});
    }
  } finally {
    await Promise.all(watching);
  }
}
