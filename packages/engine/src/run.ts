import type { CallOptions, Clock } from '@hikyaku/core';
import { jitter } from './backoff.ts';
import type { Reconciler } from './reconciler.ts';
import type { Report } from './report.ts';
import type { Source } from './source.ts';
import type { Target } from './target.ts';

export interface SyncOptions {
  readonly sources: ReadonlyMap<string, Source>;
  readonly reconciler: Reconciler;
  readonly report: Report;
}

export interface RunOptions extends SyncOptions {
  readonly target: Target;
  readonly clock: Clock;
  /** Milliseconds between two resyncs. */
  readonly resyncMs: number;
  /** How long what is being written may take after the signal, milliseconds. */
  readonly graceMs?: number;
}

/** Reads every source once. */
export async function refreshAll(
  { sources, report }: Omit<SyncOptions, 'reconciler'>,
  { signal }: CallOptions,
): Promise<void> {
  await Promise.all(
    [...sources.values()].map(async (source) => {
      await source.refresh(() => {}, { signal });
      reportSource(source, report);
    }),
  );
}

/** Refreshes each source on its interval and reconciles, until the signal aborts; then finishes what it is writing. */
export async function run(
  { sources, reconciler, report, target, clock, resyncMs, graceMs = 4_000 }: RunOptions,
  { signal }: CallOptions,
): Promise<void> {
  const wake = new Wake();
  const cut = new AbortController();
  const stop = new AbortController();
  const stopping = AbortSignal.any([signal, stop.signal]);
  let graceTimer: NodeJS.Timeout | undefined;
  stopping.addEventListener(
    'abort',
    () => {
      graceTimer = setTimeout(() => cut.abort(stopping.reason), graceMs);
      graceTimer.unref();
    },
    { once: true },
  );

  async function refreshLoop(source: Source): Promise<void> {
    while (!stopping.aborted) {
      await source.refresh(() => wake.up(), { signal: stopping });
      const nextMs = source.nextDelayMs();
      reportSource(source, report, nextMs);
      wake.up();
      await clock.sleep(nextMs, { signal: stopping });
    }
  }

  async function reconcileLoop(): Promise<void> {
    let resyncAt = clock.monotonic() + jitter(resyncMs, 0.1, Math.random);
    while (!stopping.aborted) {
      await wake.wait(Math.min(resyncAt, reconciler.nextRetryAt) - clock.monotonic(), clock, stopping);
      const resync = clock.monotonic() >= resyncAt;
      if (resync) resyncAt = clock.monotonic() + jitter(resyncMs, 0.1, Math.random);
      await reconciler.reconcile({ resync, signal: cut.signal, stopping });
      if (reconciler.missingNamespaces.size > 0) awaitNamespaces();
    }
  }

  let awaiting: Promise<void> | undefined;
  /** One watch, and only while a Secret waits for its namespace. */
  function awaitNamespaces(): void {
    awaiting ??= (async () => {
      if (target.namespaces === undefined) return;
      for await (const namespace of target.namespaces({ signal: stopping })) {
        reconciler.namespaceAppeared(namespace);
        wake.up();
        if (reconciler.missingNamespaces.size === 0) break;
      }
    })()
      // Without the watch the Secrets are still tried again, only later.
      .catch(() => {})
      .finally(() => {
        awaiting = undefined;
      });
  }

  async function untilStopped(loop: Promise<void>): Promise<void> {
    try {
      await loop;
    } catch (error) {
      if (stopping.aborted) return;
      // A bug in one loop ends the others too: a daemon that runs on half-dead helps nobody.
      stop.abort(error);
      throw error;
    }
  }

  // With `secrets: []` no read will ever ask for the first reconcile.
  if (sources.size === 0) wake.up();
  try {
    const ended = await Promise.allSettled(
      [...sources.values()].map(refreshLoop).concat(reconcileLoop()).map(untilStopped),
    );
    for (const loop of ended) if (loop.status === 'rejected') throw loop.reason;
    await awaiting;
  } finally {
    clearTimeout(graceTimer);
  }
}

function reportSource(source: Source, report: Report, nextMs?: number): void {
  const { snapshot, error } = source.state;
  report.source({
    source: source.name,
    ok: error === undefined,
    ...(snapshot && { secrets: snapshot.secrets.size }),
    ...(error && { error }),
    ...(nextMs !== undefined && { nextMs }),
  });
}

/** A wake-up call that is not lost when nobody waits yet. */
class Wake {
  #called = false;
  #ring: (() => void) | undefined;

  up(): void {
    this.#called = true;
    this.#ring?.();
  }

  async wait(ms: number, clock: Clock, signal: AbortSignal): Promise<void> {
    if (!this.#called && ms > 0) {
      const rung = new AbortController();
      this.#ring = () => rung.abort();
      await clock.sleep(ms, { signal: AbortSignal.any([signal, rung.signal]) }).catch(() => {});
      this.#ring = undefined;
    }
    this.#called = false;
  }
}
