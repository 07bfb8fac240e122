import { untilAborted } from '@hikyaku/core';
import type { CallOptions, Clock } from '@hikyaku/core';
import { jitter } from './backoff.ts';
import { followPushes } from './follow-pushes.ts';
import type { Approval, ApprovalOutcome } from './held-plan.ts';
import type { PushOrigin } from './push-origin.ts';
import type { Reconciler, ReconcilerUpdate } from './reconciler.ts';
import type { Report } from './report.ts';
import type { SecretId } from './secret-spec.ts';
import { SourceLoop } from './source-loop.ts';
import type { SourcePushes } from './source-pushes.ts';
import type { Source } from './source.ts';
import type { Target } from './target.ts';
import { Wake } from './wake.ts';

/** What a config makes of it. */
export interface EngineParts {
  readonly sources: ReadonlyMap<string, Source>;
  /** Besides what is pulled, with where it comes from. */
  readonly pushes?: { readonly bySource: readonly SourcePushes[]; readonly origin: PushOrigin };
  /** Milliseconds between two resyncs. */
  readonly resyncMs: number;
}

export interface EngineOptions extends EngineParts {
  readonly reconciler: Reconciler;
  readonly report: Report;
  readonly target: Target;
  readonly clock: Clock;
  /** How long what is being written may take after the signal, milliseconds. */
  readonly graceMs?: number;
}

export interface EngineUpdate extends EngineParts, ReconcilerUpdate {
  readonly sources: ReadonlyMap<string, Source>;
}

/** On the monotonic clock. */
export interface EngineProgress {
  /** When the last reconcile ended; absent: none has yet. */
  readonly reconciledAt?: number;
  /** When the last read of each source ended. */
  readonly readAt: ReadonlyMap<string, number | undefined>;
}

interface Running {
  readonly loop: SourceLoop;
  readonly stop: AbortController;
  readonly ended: Promise<void>;
}

interface Pushing {
  readonly of: EngineParts['pushes'];
  readonly resyncMs: number;
  readonly ended: Promise<void>;
  /** Ends it, also in the middle of a round that takes too long. */
  leave(): Promise<void>;
}

/** What is being written may take so long after the signal. */
const GRACE_MS = 4_000;

/** Keeps everything equal: refreshes each source when it is due, reconciles and pushes. */
export class Engine {
  readonly #options: EngineOptions;
  #parts: EngineParts;
  readonly #wake = new Wake();
  readonly #loops = new Map<string, Running>();
  #pushing: Pushing | undefined;
  #update: { readonly to: EngineUpdate; readonly done: () => void } | undefined;
  /** Who waits for a reconcile that begins after they have asked. */
  #waiting: (() => void)[] = [];
  #reconciledAt: number | undefined;
  /** Aborts when nothing new is to be started; the reason says why. */
  #stopping: AbortSignal = new AbortController().signal;
  readonly #stop = new AbortController();
  #awaitingNamespaces: Promise<void> | undefined;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#parts = options;
  }

  get resyncMs(): number {
    return this.#parts.resyncMs;
  }

  get progress(): EngineProgress {
    const readAt = new Map([...this.#loops].map(([name, { loop }]) => [name, loop.endedAt]));
    return { readAt, ...(this.#reconciledAt !== undefined && { reconciledAt: this.#reconciledAt }) };
  }

  /**
   * Until the signal aborts; then finishes what it is writing, unless `cut` aborts too. Once in the life of an Engine. Rejects with a bug
   * in one of its loops, which ends the others: a daemon that runs on half-dead helps nobody.
   */
  async run({ signal, cut: cutFromOutside }: CallOptions & { readonly cut?: AbortSignal }): Promise<void> {
    const { graceMs = GRACE_MS } = this.#options;
    const late = new AbortController();
    const cut = cutFromOutside === undefined ? late.signal : AbortSignal.any([late.signal, cutFromOutside]);
    this.#stopping = AbortSignal.any([signal, this.#stop.signal]);
    let graceTimer: NodeJS.Timeout | undefined;
    const stopped = new Promise<void>((resolve) => {
      this.#stopping.addEventListener(
        'abort',
        () => {
          graceTimer = setTimeout(() => late.abort(this.#stopping.reason), graceMs);
          graceTimer.unref();
          resolve();
        },
        { once: true },
      );
    });
    try {
      await this.#adoptSources();
      const adopting = this.#adoptPushes(cut);
      // With `secrets: []` no read will ever ask for the first reconcile.
      if (this.#parts.sources.size === 0) this.#wake.up();
      const reconciling = this.#guarded(this.#reconcileLoop(cut));
      await stopped;
      const reading = [...this.#loops.values()].map(({ ended }) => ended);
      await adopting;
      await Promise.all([reconciling, this.#pushing?.ended, ...reading, this.#awaitingNamespaces]);
      if (this.#stop.signal.aborted) throw this.#stop.signal.reason;
    } finally {
      clearTimeout(graceTimer);
      for (const resolve of this.#waiting) resolve();
    }
  }

  /**
   * Reads these sources (all by default) again, also those that are being read just now, and reconciles. Resolves when that has been done, and
   * when the engine has stopped; names that no source has are passed over.
   */
  async refresh(names: readonly string[] | undefined, { signal }: CallOptions): Promise<void> {
    const loops = (names ?? [...this.#loops.keys()]).flatMap((name) => this.#loops.get(name) ?? []);
    await untilAborted(Promise.all(loops.map(({ loop, ended }) => Promise.race([loop.readAgain(), ended]))), {
      signal,
    });
    await untilAborted(this.#nextReconcile(), { signal });
  }

  /**
   * Somebody says that a source has changed: it is read again, after the read that may be under way, and not before it lets itself be asked. Any
   * number of notices costs one read, and the last is followed by one; a source that nobody uses is passed over.
   */
  notice(source: string): void {
    this.#loops.get(source)?.loop.notice();
  }

  /** Puts these Secrets again from what is known, as somebody has changed them; asks no source. */
  putAgain(ids: Iterable<SecretId>): void {
    if (this.#options.reconciler.putAgain(ids)) this.#wake.up();
  }

  /** The same at a person's word, also of those that have failed and would wait for their turn. */
  tryNow(ids: Iterable<SecretId>): void {
    if (this.#options.reconciler.tryNow(ids)) this.#wake.up();
  }

  /**
   * Lets go what is held, if it is exactly that plan, and no other one ever. Resolves when that has been done, or tried; `undefined` when the engine
   * has stopped before.
   */
  async approve(approval: Approval, { signal }: CallOptions): Promise<ApprovalOutcome | undefined> {
    const { scope } = approval;
    const source = scope.startsWith('push:') ? scope.slice('push:'.length) : undefined;
    const pushes = this.#parts.pushes?.bySource.find((one) => one.source === source);
    if (source !== undefined && pushes === undefined) return 'over';
    const judged = pushes?.approve(approval) ?? this.#options.reconciler.approve(approval);
    const done = Promise.all([judged, pushes === undefined ? this.#nextReconcile() : undefined]);
    const ended = await unlessAborted(done, [this.#stopping, signal]);
    signal.throwIfAborted();
    return ended?.[0];
  }

  /** Goes on with what another config wants. What is the same object as before goes on undisturbed. Resolves when nothing goes by the old one any more. */
  async update(to: EngineUpdate, { signal }: CallOptions): Promise<void> {
    const overtaken = this.#update;
    const adopted = new Promise<void>((resolve) => {
      const done = () => {
        overtaken?.done();
        resolve();
      };
      this.#update = { to, done };
      this.#wake.up();
    });
    await unlessAborted(adopted, [this.#stopping, signal]);
    signal.throwIfAborted();
  }

  #nextReconcile(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#stopping.aborted) resolve();
      this.#waiting.push(resolve);
      this.#wake.up();
    });
  }

  async #reconcileLoop(cut: AbortSignal): Promise<void> {
    const { clock, reconciler, report } = this.#options;
    const nextResync = () => clock.monotonic() + jitter(this.#parts.resyncMs, 0.1, Math.random);
    let resyncAt = nextResync();
    while (!this.#stopping.aborted) {
      await this.#wake.wait(Math.min(resyncAt, reconciler.nextRetryAt) - clock.monotonic(), clock, this.#stopping);
      if (this.#adoptUpdate(cut)) resyncAt = Math.min(resyncAt, nextResync());
      const resync = clock.monotonic() >= resyncAt;
      if (resync) resyncAt = nextResync();
      const waiting = this.#waiting;
      this.#waiting = [];
      const spreadMs = this.#parts.resyncMs / 2;
      const startedAt = clock.monotonic();
      await reconciler.reconcile({ resync, spreadMs, signal: cut, stopping: this.#stopping });
      this.#reconciledAt = clock.monotonic();
      report.reconciled?.(this.#reconciledAt - startedAt);
      for (const resolve of waiting) resolve();
      if (reconciler.missingNamespaces.size > 0) this.#awaitNamespaces();
    }
  }

  #adoptUpdate(cut: AbortSignal): boolean {
    if (this.#update === undefined || this.#stopping.aborted) return false;
    const { to, done } = this.#update;
    this.#update = undefined;
    this.#parts = to;
    this.#options.reconciler.update(to);
    // A round of pushes that goes on holds up nothing else.
    void this.#adopt(cut, done);
    return true;
  }

  async #adopt(cut: AbortSignal, done: () => void): Promise<void> {
    await Promise.all([this.#adoptSources(), this.#adoptPushes(cut)]);
    done();
  }

  async #adoptSources(): Promise<void> {
    const { report, clock } = this.#options;
    const { sources } = this.#parts;
    const gone = [...this.#loops].filter(([name, { loop }]) => sources.get(name) !== loop.source);
    for (const [name, { stop }] of gone) {
      this.#loops.delete(name);
      stop.abort(new Error('its source has left the config'));
    }
    for (const [name, source] of sources) {
      if (this.#loops.has(name)) continue;
      const stop = new AbortController();
      const loop = new SourceLoop(source, { report, clock, onChange: () => this.#wake.up() });
      const signal = AbortSignal.any([this.#stopping, stop.signal]);
      // A provider that does not listen to its signal is left behind.
      const running = unlessAborted(loop.run({ signal }), [signal]);
      const ended = this.#guarded(running, signal);
      this.#loops.set(name, { loop, stop, ended });
    }
    await Promise.all(gone.map(([, { ended }]) => ended));
  }

  /** Resolves when those of before have ended. */
  async #adoptPushes(cut: AbortSignal): Promise<void> {
    const { clock, graceMs = GRACE_MS } = this.#options;
    const { pushes, resyncMs } = this.#parts;
    const before = this.#pushing;
    if (before !== undefined && before.of === pushes && before.resyncMs === resyncMs) return;
    const stop = new AbortController();
    const late = new AbortController();
    const stopping = AbortSignal.any([this.#stopping, stop.signal]);
    const signal = AbortSignal.any([cut, late.signal]);
    const left = before?.leave();
    const follow = async () => {
      await left;
      const loops = pushes?.bySource.map((one) => {
        const following = followPushes(one, { origin: pushes.origin, clock, resyncMs }, { signal, stopping });
        // A provider that does not listen to its signal is left behind.
        return this.#guarded(unlessAborted(following, [signal]), stopping);
      });
      await Promise.all(loops ?? []);
    };
    const ended = follow();
    const leave = async () => {
      const reason = new Error('the pushes have changed');
      stop.abort(reason);
      const timer = setTimeout(() => late.abort(reason), graceMs);
      await ended;
      clearTimeout(timer);
    };
    this.#pushing = { of: pushes, resyncMs, ended, leave };
    await left;
  }

  /** One watch, and only while a Secret waits for its namespace. */
  #awaitNamespaces(): void {
    const { reconciler, target } = this.#options;
    const signal = this.#stopping;
    this.#awaitingNamespaces ??= (async () => {
      if (target.namespaces === undefined) return;
      for await (const namespace of target.namespaces({ signal })) {
        reconciler.namespaceAppeared(namespace);
        this.#wake.up();
        if (reconciler.missingNamespaces.size === 0) break;
      }
    })()
      // Without the watch the Secrets are still tried again, only later.
      .catch(() => {})
      .finally(() => {
        this.#awaitingNamespaces = undefined;
      });
  }

  /** Never rejects: a bug in one loop stops all, and `run` rejects with it. */
  async #guarded(loop: Promise<void>, stopping = this.#stopping): Promise<void> {
    try {
      await loop;
    } catch (error) {
      if (!stopping.aborted) this.#stop.abort(error);
    }
  }
}

/** Until the work is done or one of the signals aborts; leaves nothing behind on signals that live longer. */
async function unlessAborted<T>(work: Promise<T>, signals: readonly AbortSignal[]): Promise<T | undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const onAbort = () => resolve(undefined);
  for (const signal of signals) {
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
  }
  try {
    return await Promise.race([work, promise]);
  } finally {
    for (const signal of signals) signal.removeEventListener('abort', onAbort);
  }
}
