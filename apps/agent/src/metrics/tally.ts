import type { Config } from '@hikyaku/config';
import type { SecretRecord } from '@hikyaku/engine';
import type { NoticeCounts } from '../daemon/receiver.ts';
import type { Records } from '../records.ts';
import { Durations } from './durations.ts';

/** What this process has counted since it started, in few bytes, until somebody asks for metrics. */
export class Tally {
  /** By source, then by what came of them. */
  readonly requests = new Map<string, Map<string, number>>();
  /** By source. */
  readonly reads = new Map<string, Reads>();
  readonly rounds = new Durations();
  readonly writes = new Map<WriteOutcome, number>(WRITES.map((outcome) => [outcome, 0]));
  /** By source. */
  notices: () => ReadonlyMap<string, NoticeCounts> = () => new Map();
  /** How often each source is read by the config in force, seconds; without those that go by cron. */
  refreshSeconds: ReadonlyMap<string, number> = new Map();
  #puts = 0;

  request(source: string, answer: string): void {
    const answers = this.requests.get(source) ?? new Map<string, number>();
    answers.set(answer, (answers.get(answer) ?? 0) + 1);
    this.requests.set(source, answers);
  }

  /** Counts what is said from now on. */
  follow(records: Records): void {
    records.onRound = (ms) => this.#round(ms);
    records.listen((said) => {
      if (said.kind === 'secret') this.#secret(said.record);
      if (said.kind !== 'source' || said.record.read === undefined) return;
      const { source, ok, read } = said.record;
      const reads = this.reads.get(source) ?? { durations: new Durations(), changed: 0, unchanged: 0, failed: 0 };
      reads.durations.add(read.ms / 1_000);
      if (!ok) reads.failed++;
      else if (read.changed) reads.changed++;
      else reads.unchanged++;
      this.reads.set(source, reads);
    });
  }

  /** Of sources that this config does not have nothing is told any more. */
  goBy({ sources }: Pick<Config, 'sources'>): void {
    for (const counted of [this.requests, this.reads])
      for (const name of counted.keys()) if (!sources.has(name)) counted.delete(name);
    this.refreshSeconds = new Map(
      [...sources].flatMap(([name, { refresh }]) => ('everyMs' in refresh ? [[name, refresh.everyMs / 1_000]] : [])),
    );
  }

  #secret({ outcome }: SecretRecord): void {
    if (outcome === undefined) return;
    this.#puts++;
    if (isWrite(outcome)) this.writes.set(outcome, (this.writes.get(outcome) ?? 0) + 1);
  }

  #round(ms: number): void {
    // Most rounds are only looks at what a read has brought.
    if (this.#puts > 0) this.rounds.add(ms / 1_000);
    this.#puts = 0;
  }
}

interface Reads {
  readonly durations: Durations;
  changed: number;
  unchanged: number;
  failed: number;
}

const WRITES = ['created', 'updated', 'repaired', 'adopted', 'recreated', 'deleted', 'withdrawn'] as const;

type WriteOutcome = (typeof WRITES)[number];

function isWrite(outcome: string): outcome is WriteOutcome {
  return WRITES.some((write) => write === outcome);
}
