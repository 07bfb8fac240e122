import type { Clock } from '@hikyaku/core';
import { isWell } from '@hikyaku/engine';
import type { PushRecord, SecretRecord, SourceRecord } from '@hikyaku/engine';

/** Of one Secret, source or push; milliseconds of the wall clock. */
export interface MomentsOf {
  /** When it came into its state. */
  readonly since: number;
  /** When something was last said of it. */
  readonly saidAt: number;
  /** When it was last well. */
  readonly goodAt?: number;
  /** When the agent last wrote it. */
  readonly changedAt?: number;
}

/** What an earlier process has told. */
export interface Remembered {
  readonly state: string;
  readonly since?: number;
  readonly changedAt?: number;
}

/** When what happened. */
export class Moments {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #of = new Map<string, MomentsOf>();
  #remembered: ReadonlyMap<string, Remembered> = new Map();

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  /** What is told of them for the first time goes on from there. By {@link momentsId}. */
  remember(told: ReadonlyMap<string, Remembered>): void {
    this.#remembered = told;
  }

  of(id: string): MomentsOf | undefined {
    return this.#of.get(id);
  }

  forget(id: string): void {
    this.#of.delete(id);
  }

  secret({ id, state, outcome }: SecretRecord, before: SecretRecord | undefined): void {
    const isChanged = outcome !== undefined && !UNCHANGED.has(outcome);
    this.#note(momentsId.secret(id), { state, before: before?.state, isWell: isWell(state), isChanged });
  }

  source(record: SourceRecord, before: SourceRecord | undefined): void {
    const state = sourceState(record);
    const was = before && sourceState(before);
    this.#note(momentsId.source(record.source), { state, before: was, isWell: record.ok, isChanged: false });
  }

  push({ id, state, changes }: PushRecord, before: PushRecord | undefined): void {
    const isChanged = changes !== undefined && isWell(state);
    this.#note(momentsId.push(id), { state, before: before?.state, isWell: isWell(state), isChanged });
  }

  #note(
    id: string,
    now: {
      readonly state: string;
      readonly before: string | undefined;
      readonly isWell: boolean;
      readonly isChanged: boolean;
    },
  ): void {
    const saidAt = this.#clock.now();
    const known = this.#of.get(id);
    const told = this.#remembered.get(id);
    const isSame = known === undefined ? told?.state === now.state : now.before === now.state;
    const goodAt = now.isWell ? saidAt : known?.goodAt;
    const changedAt = now.isChanged ? saidAt : (known ?? told)?.changedAt;
    this.#of.set(id, {
      since: (isSame ? (known ?? told)?.since : undefined) ?? saidAt,
      saidAt,
      ...(goodAt !== undefined && { goodAt }),
      ...(changedAt !== undefined && { changedAt }),
    });
  }
}

export const momentsId = {
  secret: (id: string) => `secret ${id}`,
  source: (name: string) => `source ${name}`,
  push: (id: string) => `push ${id}`,
};

export function sourceState({ ok, pending }: SourceRecord): 'ok' | 'reading' | 'failing' {
  if (!ok) return 'failing';
  return pending === undefined ? 'ok' : 'reading';
}

const UNCHANGED: ReadonlySet<string> = new Set(['unchanged', 'absent', 'foreign']);
