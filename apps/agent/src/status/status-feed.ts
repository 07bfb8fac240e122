import type { StatusDocument } from '@hikyaku/kubernetes';
import type { NewRecord } from '../records.ts';

/** `withTimes`: also times that change by themselves. */
export type BuildStatus = (withTimes: boolean) => StatusDocument;

/** What the agent would say of itself now, for all that show it: the status object, Events, metrics and the page. */
export class StatusFeed {
  #build: BuildStatus | undefined;
  readonly #listeners = new Set<(said?: NewRecord) => void>();

  /** Absent while this process keeps nothing equal: it is starting, or another replica leads. */
  get build(): BuildStatus | undefined {
    return this.#build;
  }

  /** From now on, until what it answers is disposed of. */
  open(build: BuildStatus): Disposable {
    this.#build = build;
    this.changed();
    return {
      [Symbol.dispose]: () => {
        if (this.#build === build) this.#build = undefined;
        this.changed();
      },
    };
  }

  /** Something may be other than before; `said`: by this record. */
  changed(said?: NewRecord): void {
    for (const listener of this.#listeners) listener(said);
  }

  /** Calls at each change, often many in a row, until the answer is called. */
  listen(listener: (said?: NewRecord) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
