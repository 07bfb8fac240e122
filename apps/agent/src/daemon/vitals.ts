import type { Clock } from '@hikyaku/core';
import type { Engine } from '@hikyaku/engine';
import type { LeaderElection } from '@hikyaku/kube-client';
import type { Ailments } from './health.ts';

/** Of this many times between two resyncs there must be one in which something was finished. */
const MISSED_RESYNCS = 3;
const AT_LEAST_MS = 120_000;

interface Seen {
  readonly engine: Vitals['engine'];
  readonly since: number;
  isReady: boolean;
}

/** What a daemon knows of itself, for probes. */
export class Vitals {
  /** While it keeps things equal. */
  engine: Pick<Engine, 'progress' | 'resyncMs' | 'notice'> | undefined;
  election: Pick<LeaderElection, 'isLeading' | 'leader'> | undefined;
  readonly #clock: Pick<Clock, 'monotonic'>;
  /** The engine that was looked at last, since when, and whether it was ready once. */
  #seen: Seen | undefined;

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** Only what a restart may help. That the API server or a provider cannot be reached is not. */
  readonly live = (): Ailments => {
    const { engine } = this;
    if (engine === undefined) return [];
    const silentMs = this.#clock.monotonic() - (engine.progress.reconciledAt ?? this.#look(engine).since);
    if (silentMs <= Math.max(AT_LEAST_MS, MISSED_RESYNCS * engine.resyncMs)) return [];
    return [`nothing was finished for ${Math.round(silentMs / 1_000)} s`];
  };

  /** Not before each source was read once, well or not, and what came of it was written; a replica that waits for its turn is ready. */
  readonly ready = (): Ailments => {
    const { engine, election } = this;
    if (engine === undefined) {
      const waits = election !== undefined && !election.isLeading && election.leader !== '';
      return waits ? [] : ['starting'];
    }
    const seen = this.#look(engine);
    if (seen.isReady) return [];
    const { readAt, reconciledAt } = engine.progress;
    const unread = [...readAt].flatMap(([source, at]) => (at === undefined ? [`${source} was not read yet`] : []));
    if (unread.length > 0) return unread;
    const last = Math.max(-Infinity, ...[...readAt.values()].map((at) => at ?? Infinity));
    seen.isReady = reconciledAt !== undefined && reconciledAt >= last;
    return seen.isReady ? [] : ['Secrets are being written'];
  };

  #look(engine: Vitals['engine']): Seen {
    if (this.#seen?.engine !== engine || this.#seen === undefined)
      this.#seen = { engine, since: this.#clock.monotonic(), isReady: false };
    return this.#seen;
  }
}
