import type { CallOptions, Clock } from '@hikyaku/core';
import { jitter } from './backoff.ts';
import { followPushes } from './follow-pushes.ts';
import { followSource } from './follow-source.ts';
import type { PushOrigin } from './push-origin.ts';
import type { Reconciler } from './reconciler.ts';
import type { Report } from './report.ts';
import type { SourcePushes } from './source-pushes.ts';
import type { Source } from './source.ts';
import type { Target } from './target.ts';
import { Wake } from './wake.ts';

export interface SyncOptions {
  readonly sources: ReadonlyMap<string, Source>;
  readonly reconciler: Reconciler;
  readonly report: Report;
}

export interface RunOptions extends SyncOptions {
  readonly target: Target;
  /** Besides what is pulled, with where it comes from. */
  readonly pushes?: { readonly bySource: readonly SourcePushes[]; readonly origin: PushOrigin };
  readonly clock: Clock;
  /** Milliseconds between two resyncs. */
  readonly resyncMs: number;
  /** How long what is being written may take after the signal, milliseconds. */
  readonly graceMs?: number;
}

/** Between two reads of one source. Doubles up to its interval while it never stops saying that something has changed. */
const AFTER_READ_MS = 100;
/** A wall clock that jumps is noticed so soon. */
const LOOK_AT_CLOCK_MS = 15_000;

/** Reads every source once. */
export async function refreshAll(
  { sources, report }: Omit<SyncOptions, 'reconciler'>,
  { signal }: CallOptions,
): Promise<void> {
  await Promise.all(
    [...sources.values()].map(async (source) => {
      await source.refresh(() => reportProgress(source, report), { signal });
      reportSource(source, report);
    }),
  );
}

/** Refreshes each source on its interval, reconciles and pushes, until the signal aborts; then finishes what it is writing. */
export async function run(
  { sources, reconciler, report, target, pushes, clock, resyncMs, graceMs = 4_000 }: RunOptions,
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
    const noticed = new Wake();
    let following: Promise<void> | undefined;
    let hurried = 0;
    while (!stopping.aborted) {
      const onChange = () => {
        reportProgress(source, report);
        wake.up();
      };
      await source.refresh(onChange, { signal: stopping });
      const nextMs = source.nextDelayMs();
      reportSource(source, report, nextMs);
      wake.up();
      if (source.canBeWatched) following ??= followSource(source, noticed, clock, { signal: stopping });
      // What changes in bursts is read once; and a notice does not get around what the source has asked for.
      const pauseMs = Math.max(AFTER_READ_MS * 2 ** hurried, source.askedToWaitMs);
      await clock.sleep(Math.min(pauseMs, nextMs), { signal: stopping });
      hurried = noticed.called ? hurried + 1 : 0;
      await untilDue(source, noticed);
    }
  }

  async function untilDue(source: Source, noticed: Wake): Promise<void> {
    for (;;) {
      const leftMs = source.nextDelayMs();
      const called = await noticed.wait(
        source.goesByTheClock ? Math.min(leftMs, LOOK_AT_CLOCK_MS) : leftMs,
        clock,
        stopping,
      );
      if (called || stopping.aborted || source.nextDelayMs() <= 0) return;
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

  function pushLoops(): readonly Promise<void>[] {
    if (pushes === undefined) return [];
    const { bySource, origin } = pushes;
    return bySource.map((one) => followPushes(one, { origin, clock, resyncMs }, { signal: cut.signal, stopping }));
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

  // A provider that does not listen to its signal is left behind.
  const stopped = new Promise<void>((resolve) => {
    stopping.addEventListener('abort', () => resolve(), { once: true });
  });
  // With `secrets: []` no read will ever ask for the first reconcile.
  if (sources.size === 0) wake.up();
  try {
    const ended = await Promise.allSettled(
      [...sources.values()]
        .map((source) => Promise.race([refreshLoop(source), stopped]))
        .concat(reconcileLoop(), pushLoops())
        .map(untilStopped),
    );
    for (const loop of ended) if (loop.status === 'rejected') throw loop.reason;
    await awaiting;
  } finally {
    clearTimeout(graceTimer);
  }
}

/** While a read goes on. */
function reportProgress(source: Source, report: Report): void {
  if (pendingOf(source) > 0) reportSource(source, report);
}

function pendingOf({ state: { snapshot } }: Source): number {
  return [...(snapshot?.unknown?.values() ?? [])].filter(({ code }) => code === 'PENDING').length;
}

function reportSource(source: Source, report: Report, nextMs?: number): void {
  const { snapshot, stored, error, stuck } = source.state;
  const pending = pendingOf(source);
  report.source({
    source: source.name,
    ok: error === undefined,
    ...(snapshot && { secrets: snapshot.secrets.size }),
    ...(pending > 0 && { pending }),
    ...((stored === 'all' || stored.size > 0) && { stored: true }),
    ...(error && { error }),
    ...(stuck && { stuck }),
    ...(nextMs !== undefined && nextMs !== Infinity && { nextMs }),
  });
}
