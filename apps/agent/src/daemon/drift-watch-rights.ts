import type { CallOptions, Clock, Logger } from '@hikyaku/core';
import type { SecretId } from '@hikyaku/engine';
import { isKubeError } from '@hikyaku/kube-client';
import type { KubeClient } from '@hikyaku/kube-client';
import { watchRights } from '@hikyaku/kubernetes';
import type { MayWatch } from '@hikyaku/kubernetes';

const FIRST_AGAIN_MS = 10_000;
const LAST_AGAIN_MS = 3_600_000;
/** So that many namespaces are asked for no more often than this, on average. */
const EACH_MS = 2_000;
const BETWEEN_MS = 50;

export interface DriftWatchRightsOptions {
  readonly client: Pick<KubeClient, 'request'>;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly logger: Logger;
  readonly random: () => number;
}

interface Namespace {
  readonly names: Set<string>;
  /** Not allowed after all. */
  readonly denied: Set<string>;
  mayWatch: MayWatch;
  /** On the monotonic clock. */
  askAt: number;
  /** In a row, without being allowed everything. */
  asked: number;
}

/**
 * Which Secrets this account may watch, asked for by namespace: at once, after ten seconds, and less and less often until it is once an hour; a
 * right that an owner gives is noticed then.
 */
export class DriftWatchRights {
  readonly #options: DriftWatchRightsOptions;
  readonly #namespaces = new Map<string, Namespace>();
  #notBefore = -Infinity;

  constructor(options: DriftWatchRightsOptions) {
    this.#options = options;
  }

  /** When it has to be asked again, on the monotonic clock. */
  get nextAt(): number {
    const next = Math.min(Infinity, ...[...this.#namespaces.values()].map(({ askAt }) => askAt));
    return Math.max(next, this.#notBefore);
  }

  /** These are wanted, and no others. Of new ones it is asked at once. */
  adopt(ids: readonly SecretId[]): void {
    const wanted = new Map<string, Set<string>>();
    for (const id of ids) {
      const [namespace = '', name = ''] = id.split('/');
      wanted.set(namespace, (wanted.get(namespace) ?? new Set()).add(name));
    }
    for (const namespace of this.#namespaces.keys()) if (!wanted.has(namespace)) this.#namespaces.delete(namespace);
    for (const [namespace, names] of wanted) {
      const known = this.#namespaces.get(namespace);
      const isNew = [...names].some((name) => known?.names.has(name) !== true && known?.mayWatch(name) !== true);
      const { denied = new Set<string>(), mayWatch = () => false, askAt = 0, asked = 0 } = known ?? {};
      const again = isNew ? { askAt: this.#options.clock.monotonic(), asked: 0 } : { askAt, asked };
      this.#namespaces.set(namespace, { names, denied, mayWatch, ...again });
    }
  }

  mayWatch(id: SecretId): boolean {
    const [namespace = '', name = ''] = id.split('/');
    const known = this.#namespaces.get(namespace);
    return known !== undefined && known.mayWatch(name) && !known.denied.has(name);
  }

  /** The API server has refused what it had allowed: somebody has taken it back, or it has just started and knows no rules yet. */
  denied(id: SecretId, { hasWorked }: { readonly hasWorked: boolean }): void {
    const [namespace = '', name = ''] = id.split('/');
    const known = this.#namespaces.get(namespace);
    if (known === undefined) return;
    if (hasWorked) known.asked = 0;
    if (known.denied.size === 0) this.#askAgain(known);
    known.denied.add(name);
  }

  /** Asks for one namespace whose time has come. Says whether there was one. */
  async ask({ signal }: CallOptions): Promise<boolean> {
    const { client, clock, logger } = this.#options;
    const now = clock.monotonic();
    if (now < this.#notBefore) return false;
    const due = [...this.#namespaces].find(([, { askAt }]) => askAt <= now);
    if (due === undefined) return false;
    const [namespace, known] = due;
    this.#notBefore = now + BETWEEN_MS;
    const isFresh = known.denied.size === 0;
    try {
      known.mayWatch = await watchRights(client, namespace, { signal });
      known.denied.clear();
    } catch (error) {
      if (signal.aborted) return false;
      if (!isKubeError(error)) throw error;
      // What is watched goes on.
      logger.debug({ namespace, error }, 'rights to watch not known');
    }
    const isAll = [...known.names].every((name) => known.mayWatch(name));
    this.#askAgain(known, isAll ? LAST_AGAIN_MS : undefined);
    known.asked = isAll && isFresh ? 0 : Math.min(known.asked + 1, 10);
    return true;
  }

  #askAgain(known: Namespace, delayMs?: number): void {
    const { clock, random } = this.#options;
    const backoffMs = Math.max(FIRST_AGAIN_MS * 2 ** known.asked, EACH_MS * this.#namespaces.size);
    const jittered = Math.min(delayMs ?? backoffMs, LAST_AGAIN_MS) * (0.9 + 0.2 * random());
    known.askAt = clock.monotonic() + jittered;
  }
}
