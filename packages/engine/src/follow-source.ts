import type { CallOptions, Clock } from '@hikyaku/core';
import { backoffMs } from './backoff.ts';
import type { Source } from './source.ts';
import type { Wake } from './wake.ts';

/** Between two notices that are taken, so that a watch which never waits lets everything else run. */
const AFTER_NOTICE_MS = 10;
const BACKOFF = { firstMs: 1_000, mostMs: 60_000 };

/** Wakes when the source says that something may have changed, until the signal aborts or the source says that it cannot be watched. Never rejects. */
export async function followSource(
  source: Source,
  noticed: Wake,
  clock: Clock,
  { signal }: CallOptions,
): Promise<void> {
  let failures = 0;
  let waitedMs = 0;
  while (!signal.aborted) {
    const startedAt = clock.monotonic();
    try {
      for await (const _ of source.watch({ signal })) {
        noticed.up();
        await clock.sleep(AFTER_NOTICE_MS, { signal });
      }
      return; // not offered here: its interval is left
    } catch {
      if (signal.aborted) return;
    }
    // One that was well for a while has not failed in a row.
    failures = clock.monotonic() - startedAt > waitedMs ? 1 : failures + 1;
    waitedMs = backoffMs(BACKOFF, failures, Math.random);
    await clock.sleep(waitedMs, { signal }).catch(() => {});
    // What happened meanwhile was not seen.
    noticed.up();
  }
}
