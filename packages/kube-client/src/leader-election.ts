import { uptime } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { isKubeError } from './kube-error.ts';
import type { KubeError } from './kube-error.ts';
import type { KubeClient } from './kube-client.ts';
import type { LeaseObject } from './objects.ts';
import { path } from './path.ts';
import { watchByName } from './watch-by-name.ts';

export interface LeaderElectionOptions {
  readonly client: Pick<KubeClient, 'leases' | 'watch'>;
  /** Of the Lease, which must exist: RBAC cannot limit creation to a name. */
  readonly namespace: string;
  readonly name: string;
  /** Unlike that of every other candidate, also of an earlier life: a name used again would lead twice. */
  readonly candidate: string;
  /** How long others wait after the last sign of the leader, milliseconds; 15,000 by default. Whole seconds. */
  readonly leaseMs?: number | undefined;
  /** Milliseconds on a clock that never jumps, and goes on while the machine sleeps. */
  readonly monotonic?: (() => number) | undefined;
  /** Milliseconds since the epoch; only written for people to read. */
  readonly now?: (() => number) | undefined;
  /** Called when the Lease cannot be read or written, and again only for another reason or after it was well. */
  readonly onError?: ((error: KubeError) => void) | undefined;
}

const WATCH_AGAIN_MS = 60_000;

interface Seen {
  readonly resourceVersion: string | undefined;
  readonly holder: string;
  readonly leaseMs: number;
  /** When it was first seen as it is, on the monotonic clock. */
  readonly since: number;
}

/**
 * Who of several candidates leads, by a Lease. Clocks of other machines are never believed: a Lease has run out when it was not seen to
 * change for as long as it says. The leader renews it every third of that time, and stops to lead after two thirds without a renewal,
 * so before anybody else begins.
 */
export class LeaderElection {
  readonly #options: LeaderElectionOptions;
  readonly #leaseMs: number;
  readonly #monotonic: () => number;
  #seen: Seen | undefined;
  /** Until when we lead, on the monotonic clock. */
  #leadsUntil = -Infinity;
  /** The Lease is free, as far as was seen; nobody may be waiting for that just now. */
  #isRung = false;
  #ring: (() => void) | undefined;
  #problem: KubeError['code'] | undefined;

  constructor(options: LeaderElectionOptions) {
    this.#options = options;
    this.#leaseMs = options.leaseMs ?? 15_000;
    this.#monotonic = options.monotonic ?? monotonic;
  }

  /** Also false when this process slept for too long and has not noticed yet: ask right before each write. */
  get isLeading(): boolean {
    return this.#monotonic() < this.#leadsUntil;
  }

  /** Who is known to lead, ourselves included; empty when nobody does. */
  get leader(): string {
    return this.isLeading ? this.#options.candidate : (this.#seen?.holder ?? '');
  }

  /**
   * Takes part until the signal aborts, then hands over at once. Calls `lead` each time that it begins to lead, with a signal that aborts when it
   * has to stop; the next leader may begin a third of a lease later. Rejects with the signal's reason, and with what `lead` rejects with.
   */
  async run(
    lead: (signal: AbortSignal) => Promise<void>,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<never> {
    const ended = new AbortController();
    const following = this.#follow(AbortSignal.any([signal, ended.signal]));
    try {
      for (;;) {
        await this.#untilElected(signal);
        await this.#whileLeading(lead, signal);
        signal.throwIfAborted();
      }
    } finally {
      ended.abort();
      await Promise.all([this.#release(), following]);
    }
  }

  async #whileLeading(lead: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
    const lost = new AbortController();
    const renewing = this.#renew(AbortSignal.any([signal, lost.signal]), () => lost.abort(new LeadershipLost()));
    try {
      await lead(AbortSignal.any([signal, lost.signal]));
    } catch (error) {
      if (!(error instanceof LeadershipLost)) throw error;
    } finally {
      lost.abort();
      await renewing;
    }
  }

  async #untilElected(signal: AbortSignal): Promise<void> {
    while (!(await this.#tryToLead(signal))) {
      const { leaseMs = this.#leaseMs, since = this.#monotonic(), holder = '' } = this.#seen ?? {};
      // Without a watch it is looked at twice a lease.
      const runsOutMs = holder === '' ? 0 : since + leaseMs - this.#monotonic();
      await this.#wait(Math.max(this.#retryMs, Math.min(runsOutMs, leaseMs / 2)), signal);
      signal.throwIfAborted();
    }
  }

  /** Renews until the signal aborts; calls `onLost` once when it can no more. */
  async #renew(signal: AbortSignal, onLost: () => void): Promise<void> {
    let waitMs = this.#leaseMs / 3;
    while (!signal.aborted) {
      await this.#wait(Math.min(waitMs, this.#leadsUntil - this.#monotonic()), signal);
      if (signal.aborted) return;
      if (!this.isLeading) return onLost();
      // Not a moment longer than it leads: whoever is asked by the signal has to hear it before another one begins.
      const late = AbortSignal.timeout(Math.max(0, Math.ceil(this.#leadsUntil - this.#monotonic())));
      const renewed = await this.#tryToLead(AbortSignal.any([signal, late])).catch(() => false);
      if (!renewed && this.#seen !== undefined && !this.#isOurs(this.#seen)) this.#leadsUntil = -Infinity;
      waitMs = renewed ? this.#leaseMs / 3 : this.#retryMs;
    }
  }

  get #retryMs(): number {
    return Math.min(2_000, this.#leaseMs / 8) * (0.8 + Math.random() * 0.4);
  }

  /** One look and, where nobody else leads, one guarded write. `false` also when the API server cannot be asked. */
  async #tryToLead(signal: AbortSignal): Promise<boolean> {
    const { client, namespace, name, candidate, now = Date.now } = this.#options;
    const timeoutMs = Math.max(1_000, this.#leaseMs / 3);
    try {
      const lease = await client.leases.get(namespace, name, { signal, timeoutMs });
      const seen = this.#see(lease);
      if (seen.holder !== '' && !this.#isOurs(seen)) this.#problem = undefined;
      const isFree = seen.holder === '' || this.#isOurs(seen) || this.#monotonic() >= seen.since + seen.leaseMs;
      if (!isFree) return false;
      const startedAt = this.#monotonic();
      const time = new Date(now()).toISOString().replace('Z', '000Z');
      const isNew = seen.holder !== candidate;
      const { resourceVersion } = await client.leases.replace(
        {
          ...lease,
          spec: {
            ...lease.spec,
            holderIdentity: candidate,
            leaseDurationSeconds: Math.ceil(this.#leaseMs / 1_000),
            renewTime: time,
            ...(isNew && { acquireTime: time, leaseTransitions: (lease.spec?.leaseTransitions ?? 0) + 1 }),
          },
        },
        { signal, timeoutMs },
      );
      this.#seen = { resourceVersion, holder: candidate, leaseMs: this.#leaseMs, since: startedAt };
      // Counted from before it was sent: others may have seen it that early.
      this.#leadsUntil = startedAt + (this.#leaseMs * 2) / 3;
      this.#problem = undefined;
      return true;
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (!isKubeError(error)) throw error;
      // Somebody else was faster, or renews: the next look tells.
      if (error.code !== 'CONFLICT') this.#say(error);
      return false;
    }
  }

  #isOurs({ holder }: Seen): boolean {
    return holder === this.#options.candidate;
  }

  #see({ metadata: { resourceVersion }, spec }: LeaseObject): Seen {
    if (this.#seen?.resourceVersion !== resourceVersion || this.#seen === undefined) {
      const seconds = spec?.leaseDurationSeconds ?? 0;
      this.#seen = {
        resourceVersion,
        holder: spec?.holderIdentity ?? '',
        leaseMs: seconds > 0 ? seconds * 1_000 : this.#leaseMs,
        since: this.#monotonic(),
      };
    }
    return this.#seen;
  }

  /** So that a Lease which was handed over is taken at once. */
  async #follow(signal: AbortSignal): Promise<void> {
    const { client, namespace, name } = this.#options;
    const leases = path`/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
    let said: KubeError['code'] | undefined;
    while (!signal.aborted) {
      try {
        for await (const event of watchByName<LeaseObject>(client, leases, name, { signal })) {
          if (event.type !== 'PRESENT' || this.#see(event.object).holder !== '') continue;
          this.#isRung = true;
          this.#ring?.();
        }
      } catch (error) {
        if (signal.aborted) return;
        if (isKubeError(error) && error.code !== said) {
          said = error.code;
          this.#options.onError?.(error);
        }
        // It may not be watched now; until it may, it is looked at.
        await sleep(WATCH_AGAIN_MS, undefined, { signal }).catch(() => {});
      }
    }
  }

  #say(error: KubeError): void {
    if (error.code === this.#problem) return;
    this.#problem = error.code;
    this.#options.onError?.(error);
  }

  /** Without waiting for an answer that does not come. */
  async #release(): Promise<void> {
    if (!this.isLeading) return;
    this.#leadsUntil = -Infinity;
    const { client, namespace, name } = this.#options;
    const options = { signal: AbortSignal.timeout(2_000) };
    try {
      const lease = await client.leases.get(namespace, name, options);
      if (lease.spec?.holderIdentity !== this.#options.candidate) return;
      await client.leases.replace({ ...lease, spec: { ...lease.spec, holderIdentity: '' } }, options);
    } catch {
      // It runs out by itself.
    }
  }

  async #wait(ms: number, signal: AbortSignal): Promise<void> {
    if (!this.#isRung) {
      const rung = new AbortController();
      this.#ring = () => rung.abort();
      await sleep(Math.max(0, ms), undefined, { signal: AbortSignal.any([signal, rung.signal]) }).catch(() => {});
      this.#ring = undefined;
    }
    this.#isRung = false;
  }
}

/** That of Node stands still on Linux while the machine sleeps, and others do not wait for that. */
function monotonic(): number {
  return process.platform === 'linux' ? uptime() * 1_000 : performance.now();
}

/** Why the signal of a leader aborts that leads no more. */
export class LeadershipLost extends Error {
  override readonly name = 'LeadershipLost';

  constructor() {
    super('another one may lead by now');
  }
}
