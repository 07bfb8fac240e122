import type { CallOptions, Clock, Logger } from '@hikyaku/core';
import { Wake } from '@hikyaku/engine';
import type { InventoryEntry, SecretId } from '@hikyaku/engine';
import { isKubeError, metadataOnly, path, watchByName } from '@hikyaku/kube-client';
import type { KubeClient } from '@hikyaku/kube-client';
import { DriftJudge } from '@hikyaku/kubernetes';
import { DriftWatchRights } from './drift-watch-rights.ts';

/** Over HTTP/2, some 20 KB of memory each. */
const MOST = 1_000;
/** Where each takes a connection. */
const FEW = 10;
/** Started at once, and how long until the next ones are. */
const AT_ONCE = 20;
const BETWEEN_MS = 100;

export interface DriftWatchOptions {
  readonly client: Pick<KubeClient, 'request' | 'watch' | 'sharesWatches'>;
  /** All that the config wants now. */
  readonly wanted: () => readonly SecretId[];
  /** What is known to have been written. */
  readonly entries: () => ReadonlyMap<SecretId, InventoryEntry>;
  /** They are not any more as they were written. */
  readonly onDrift: (ids: readonly SecretId[]) => void;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random?: () => number;
}

interface Watching {
  readonly stop: AbortController;
  readonly ended: Promise<void>;
}

/** Watches those Secrets that their owners let it watch, by name and without their values, and tells what somebody else has changed. */
export class DriftWatch {
  readonly #options: DriftWatchOptions;
  readonly #rights: DriftWatchRights;
  readonly #judge: DriftJudge;
  readonly #watching = new Map<SecretId, Watching>();
  readonly #wake = new Wake();
  #wanted: ReadonlySet<SecretId> = new Set();
  #isAdopted = false;
  /** There may be more to watch, or less. */
  #isStale = true;
  #startAt = -Infinity;
  #said = 0;
  #saidFew = false;
  #bug: { readonly error: unknown } | undefined;

  constructor(options: DriftWatchOptions) {
    const { client, clock, logger, entries, random = Math.random } = options;
    this.#options = options;
    this.#rights = new DriftWatchRights({ client, clock, logger, random });
    this.#judge = new DriftJudge({ clock, entries });
  }

  /** The config wants others than before. */
  wantedChanged(): void {
    this.#isAdopted = false;
    this.#wake.up();
  }

  /** Until the signal aborts; rejects with bugs only. */
  async run({ signal }: CallOptions): Promise<void> {
    const { clock, wanted, onDrift } = this.#options;
    try {
      while (!signal.aborted && this.#bug === undefined) {
        if (!this.#isAdopted) this.#adopt(wanted());
        if (await this.#rights.ask({ signal })) this.#isStale = true;
        const again = this.#isStale ? this.#startAndStop() : Infinity;
        const drifted = this.#judge.judge();
        if (drifted.length > 0) onDrift(drifted);
        const next = Math.min(this.#rights.nextAt, this.#judge.nextAt, again);
        await this.#wake.wait(next - clock.monotonic(), clock, signal);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      const watching = [...this.#watching.values()];
      for (const { stop } of watching) stop.abort(new Error('drift is not watched any more'));
      await Promise.all(watching.map(({ ended }) => ended));
    }
    if (this.#bug !== undefined) throw this.#bug.error;
  }

  #adopt(ids: readonly SecretId[]): void {
    this.#wanted = new Set(ids);
    this.#isAdopted = true;
    this.#rights.adopt(ids);
    this.#isStale = true;
  }

  /** When the next ones may be started, on the monotonic clock. */
  #startAndStop(): number {
    const { client, clock } = this.#options;
    const now = clock.monotonic();
    for (const [id, { stop }] of this.#watching) {
      if (this.#wanted.has(id) && this.#rights.mayWatch(id)) continue;
      stop.abort(new Error('it is not to be watched any more'));
      this.#watching.delete(id);
      this.#judge.forget(id);
    }
    if (now < this.#startAt) return this.#startAt;
    const allowed = [...this.#wanted].filter((id) => this.#rights.mayWatch(id));
    const shares = client.sharesWatches;
    const room = (shares === true ? MOST : FEW) - this.#watching.size;
    const waiting = allowed.filter((id) => !this.#watching.has(id)).slice(0, Math.max(0, room));
    for (const id of waiting.slice(0, AT_ONCE)) this.#start(id);
    this.#startAt = now + BETWEEN_MS;
    const left = allowed.length - this.#watching.size;
    // Whether connections are shared shows when the first one has been made.
    if (left > 0 && (waiting.length > AT_ONCE || (shares === undefined && room > 0))) return this.#startAt;
    if (left > 0 && shares === undefined) return now + 1_000;
    this.#isStale = false;
    this.#say(left);
    return Infinity;
  }

  #start(id: SecretId): void {
    const stop = new AbortController();
    this.#watching.set(id, { stop, ended: this.#follow(id, stop.signal) });
  }

  async #follow(id: SecretId, signal: AbortSignal): Promise<void> {
    const { client, logger } = this.#options;
    const [namespace = '', name = ''] = id.split('/');
    const onError = (error: unknown) => logger.debug({ secret: id, error }, 'drift watch interrupted');
    let hasWorked = false;
    const secrets = path`/api/v1/namespaces/${namespace}/secrets`;
    try {
      for await (const event of watchByName(client, secrets, name, { signal, accept: metadataOnly, onError })) {
        hasWorked = true;
        this.#judge.saw(id, event);
        this.#wake.up();
      }
    } catch (error) {
      if (signal.aborted) return;
      if (isKubeError(error)) {
        this.#rights.denied(id, { hasWorked });
        this.#watching.delete(id);
        this.#judge.forget(id);
        this.#isStale = true;
      } else this.#bug = { error };
      this.#wake.up();
    }
  }

  #say(left: number): void {
    const { logger } = this.#options;
    const secrets = this.#watching.size;
    if (left > 0 && !this.#saidFew) {
      this.#saidFew = true;
      logger.debug({ secrets, left }, 'more Secrets could be watched for drift than connections allow');
    }
    if (secrets === this.#said) return;
    this.#said = secrets;
    logger.info({ secrets, of: this.#wanted.size }, 'drift watched');
  }
}
