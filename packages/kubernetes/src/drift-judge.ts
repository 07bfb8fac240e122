import type { Clock } from '@hikyaku/core';
import type { InventoryEntry, SecretId } from '@hikyaku/engine';
import type { KubeObject, NamedEvent } from '@hikyaku/kube-client';
import { US } from './others-than-us.ts';

/** Our own write is told of before its answer has come, and who changes a Secret by hand may do so twice. */
const SETTLE_MS = 100;
/** Another agent of ours, a person's `sync` for example, writes first and enters it into the inventory then. */
const SETTLE_AMONG_US_MS = 5_000;
/** When nothing is told after a gap, it is gone. */
const SETTLE_UNKNOWN_MS = 60_000;

export interface DriftJudgeOptions {
  readonly clock: Pick<Clock, 'monotonic'>;
  /** What is known to have been written. */
  readonly entries: () => ReadonlyMap<SecretId, InventoryEntry>;
}

interface Seen {
  readonly state: NamedEvent['type'];
  readonly resourceVersion?: string | undefined;
  /** When one of us has written it last, as the API server says; absent where it was somebody else. */
  readonly ourTime?: string | undefined;
  /** On the monotonic clock. */
  readonly judgeAt: number;
  readonly hasWaited?: boolean;
}

/** Tells what somebody else has changed from what we have written ourselves, by the resourceVersion. */
export class DriftJudge {
  readonly #options: DriftJudgeOptions;
  /** What was seen last and is still to be judged. */
  readonly #seen = new Map<SecretId, Seen>();
  /** The version that was called drift, once. */
  readonly #called = new Map<SecretId, string | undefined>();
  /** When we had written what was as we had left it. */
  readonly #ourTimes = new Map<SecretId, string | undefined>();

  constructor(options: DriftJudgeOptions) {
    this.#options = options;
  }

  /** When something is to be judged, on the monotonic clock; `Infinity` when nothing is. */
  get nextAt(): number {
    return Math.min(Infinity, ...[...this.#seen.values()].map(({ judgeAt }) => judgeAt));
  }

  saw(id: SecretId, event: NamedEvent): void {
    const { type: state } = event;
    const now = this.#options.clock.monotonic();
    const settleMs = state === 'UNKNOWN' ? SETTLE_UNKNOWN_MS : SETTLE_MS;
    // Who changes it without end does not put it off.
    const judgeAt = Math.min(now + settleMs, this.#seen.get(id)?.judgeAt ?? Infinity);
    if (event.type !== 'PRESENT') {
      this.#seen.set(id, { state, judgeAt });
      return;
    }
    const { resourceVersion, managedFields } = event.object.metadata;
    this.#seen.set(id, { state, resourceVersion, ourTime: ourTimeOf(managedFields), judgeAt });
  }

  /** Those that somebody else has changed since we wrote them, each change once. */
  judge(): readonly SecretId[] {
    const now = this.#options.clock.monotonic();
    const due = [...this.#seen].filter(([, { judgeAt }]) => judgeAt <= now);
    if (due.length === 0) return [];
    const entries = this.#options.entries();
    return due.flatMap(([id, seen]) => {
      this.#seen.delete(id);
      const entry = entries.get(id);
      if (!this.#isDrift(id, seen, entry)) return [];
      const isAmongUs = seen.ourTime !== undefined && seen.ourTime !== this.#ourTimes.get(id);
      if (isAmongUs && seen.hasWaited !== true) {
        this.#seen.set(id, { ...seen, hasWaited: true, judgeAt: now + SETTLE_AMONG_US_MS });
        return [];
      }
      this.#called.set(id, seen.resourceVersion);
      return [id];
    });
  }

  /** It is not watched any more. */
  forget(id: SecretId): void {
    this.#seen.delete(id);
    this.#called.delete(id);
    this.#ourTimes.delete(id);
  }

  #isDrift(id: SecretId, { state, resourceVersion, ourTime }: Seen, entry: InventoryEntry | undefined): boolean {
    // What was never written, or is not ours, is none of our business.
    if (entry?.uid === undefined) return false;
    if (state === 'PRESENT' && resourceVersion === entry.resourceVersion) {
      this.#called.delete(id);
      this.#ourTimes.set(id, ourTime);
      return false;
    }
    return state !== 'PRESENT' || this.#called.get(id) !== resourceVersion;
  }
}

function ourTimeOf(fields: KubeObject['metadata']['managedFields'] = []): string | undefined {
  const last = (ours: boolean) =>
    fields
      .filter(({ manager }) => (manager === US) === ours)
      .map(({ time = '' }) => time)
      .toSorted()
      .at(-1) ?? '';
  return last(true) > last(false) ? last(true) : undefined;
}
