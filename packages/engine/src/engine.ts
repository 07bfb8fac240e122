import type { CallOptions, Clock } from '@hikyaku/core';
import { jitter } from './backoff.ts';
import { followPushes } from './follow-pushes.ts';
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

/** Keeps everything equal: refreshes each source when it is due, reconciles and pushes. */
export class Engine {
  readonly #options: EngineOptions;
  #parts: EngineParts;
  readonly #wake = new Wake();
  readonly #loops = new Map<string, Running>();
  #pushing:
    | { readonly of: EngineParts['pushes']; readonly stop: AbortController; readonly ended: Promise<void> }
    | undefined;
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
    const { graceMs = 4_000 } = this.#options;
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
      await this.#adoptPushes(cut);
      // With `secrets: []` no read will ever ask for the first reconcile.
      if (this.#parts.sources.size === 0) this.#wake.up();
      const reconciling = this.#guarded(this.#reconcileLoop(cut));
      await stopped;
      const reading = [...this.#loops.values()].map(({ ended }) => ended);
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
    await orEnded(Promise.all(loops.map(({ loop, ended }) => Promise.race([loop.readAgain(), ended]))), signal);
    await orEnded(this.#nextReconcile(), signal);
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
    this.#options.reconciler.putAgain(ids);
    this.#wake.up();
  }

  /** Goes on with what another config wants. What is the same object as before goes on undisturbed. Resolves when nothing goes by the old one any more. */
  async update(to: EngineUpdate, { signal }: CallOptions): Promise<void> {
    const adopted = new Promise<void>((done) => {
      this.#update = { to, done };
      this.#wake.up();
    });
    await orEnded(Promise.race([adopted, aborted(this.#stopping)]), signal);
  }

  #nextReconcile(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#stopping.aborted) resolve();
      this.#waiting.push(resolve);
      this.#wake.up();
    });
  }

  async #reconcileLoop(cut: AbortSignal): Promise<void> {
    const { clock, reconciler } = this.#options;
    const nextResync = () => clock.monotonic() + jitter(this.#parts.resyncMs, 0.1, Math.random);
    let resyncAt = nextResync();
    while (!this.#stopping.aborted) {
      await this.#wake.wait(Math.min(resyncAt, reconciler.nextRetryAt) - clock.monotonic(), clock, this.#stopping);
      if (await this.#adoptUpdate(cut)) resyncAt = Math.min(resyncAt, nextResync());
      const resync = clock.monotonic() >= resyncAt;
      if (resync) resyncAt = nextResync();
      const waiting = this.#waiting;
      this.#waiting = [];
      await reconciler.reconcile({ resync, signal: cut, stopping: this.#stopping });
      this.#reconciledAt = clock.monotonic();
      for (const resolve of waiting) resolve();
      if (reconciler.missingNamespaces.size > 0) this.#awaitNamespaces();
    }
  }

  async #adoptUpdate(cut: AbortSignal): Promise<boolean> {
    if (this.#update === undefined || this.#stopping.aborted) return false;
    const { to, done } = this.#update;
    this.#update = undefined;
    this.#parts = to;
    this.#options.reconciler.update(to);
    await this.#adoptSources();
    await this.#adoptPushes(cut);
    done();
    return true;
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
      const ended = this.#guarded(Promise.race([loop.run({ signal }), aborted(signal)]), signal);
      this.#loops.set(name, { loop, stop, ended });
    }
    await Promise.all(gone.map(([, { ended }]) => ended));
  }

  async #adoptPushes(cut: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const { pushes, resyncMs } = this.#parts;
    if (this.#pushing !== undefined && this.#pushing.of === pushes) return;
    this.#pushing?.stop.abort(new Error('the pushes have changed'));
    await this.#pushing?.ended;
    const stop = new AbortController();
    const stopping = AbortSignal.any([this.#stopping, stop.signal]);
    const loops = (pushes?.bySource ?? []).map((one) =>
      pushes === undefined
        ? Promise.resolve()
        : this.#guarded(
            followPushes(one, { origin: pushes.origin, clock, resyncMs }, { signal: cut, stopping }),
            stopping,
          ),
    );
    this.#pushing = { of: pushes, stop, ended: Promise.all(loops).then(() => {}) };
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

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

/** Rejects with the reason of the signal when it aborts first. */
async function orEnded(work: Promise<unknown>, signal: AbortSignal): Promise<void> {
  await Promise.race([work, aborted(signal)]);
  signal.throwIfAborted();
}
