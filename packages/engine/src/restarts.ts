import type { CallOptions, Clock } from '@hikyaku/core';
import { backoffMs } from './backoff.ts';
import type { RestartDebt } from './reconciler.ts';
import type { Report, RestartState } from './report.ts';
import type { SecretId } from './secret-spec.ts';
import { TargetError } from './target.ts';
import type { Wake } from './wake.ts';
import type { RestartAnswer, RestartChange, WorkloadId, Workloads } from './workloads.ts';

export interface RestartsOptions {
  /** A Reconciler. */
  readonly debts: {
    readonly owedRestarts: readonly RestartDebt[];
    readonly restartsOwed: Wake;
    settleRestarts(debts: readonly RestartChange[], options: CallOptions): Promise<void>;
  };
  readonly workloads: Workloads;
  readonly report: Report;
  readonly clock: Clock;
  /** Why a workload (`web/*`: all of a namespace) may not be restarted; `undefined` where it may. Asked before anything is tried. */
  readonly refusal?: (workload: WorkloadId) => string | undefined;
  /** For how long changes are collected before the first restart, milliseconds. */
  readonly gatherMs?: number;
  readonly random?: () => number;
}

const GATHER_MS = 5_000;
/** Between two restarts of one workload. */
const GAP_MS = 60_000;
/** For so long what we have begun may take before a newer change cuts in: with broken data it would never end. */
const PATIENCE_MS = 300_000;
const BUSY_MS = 15_000;
const REFUSED_MS = 60_000;
const BACKOFF = { firstMs: 5_000, mostMs: 600_000 };

interface Attempts {
  /** All on the monotonic clock. */
  readonly restartedAt?: number;
  readonly absentAt?: number;
  readonly nextAt?: number;
  readonly failures: number;
}

/** Restarts what uses Secrets whose data has changed: once per change, many changes together, and never in a hurry. */
export class Restarts {
  readonly #options: RestartsOptions;
  readonly #attempts = new Map<WorkloadId, Attempts>();
  /** Since when each change is known, what it concerns, and where it is done. */
  readonly #changes = new Map<
    string,
    { readonly since: number; users?: readonly WorkloadId[]; done: Set<WorkloadId> }
  >();
  /** What was last said of them was not that all is well. */
  readonly #unwell = new Map<WorkloadId, readonly RestartDebt[]>();
  #settleAt = 0;

  constructor(options: RestartsOptions) {
    this.#options = options;
  }

  /** Until the signal aborts; then rejects only with a bug. */
  async run({ signal }: CallOptions): Promise<void> {
    const { debts, clock, gatherMs = GATHER_MS } = this.#options;
    try {
      while (!signal.aborted) {
        const next = await this.#round(gatherMs, signal);
        await debts.restartsOwed.wait(next - clock.monotonic(), clock, signal);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  /** What can be restarted now. What has to wait stays owed. */
  async once({ signal }: CallOptions): Promise<void> {
    await this.#round(0, signal);
  }

  /** Answers when the next is due, on the monotonic clock. */
  async #round(gatherMs: number, signal: AbortSignal): Promise<number> {
    const { debts, clock } = this.#options;
    const owed = debts.owedRestarts;
    const now = clock.monotonic();
    const keys = new Set(owed.map(keyOf));
    for (const key of this.#changes.keys()) if (!keys.has(key)) this.#changes.delete(key);
    for (const debt of owed)
      if (!this.#changes.has(keyOf(debt))) this.#changes.set(keyOf(debt), { since: now, done: new Set() });

    let next = now + LONGEST_WAIT_MS;
    const later = (at: number): void => {
      next = Math.min(next, at);
    };
    await this.#findUsers(owed, gatherMs, later, signal);
    for (const [workload, open] of this.#open(owed)) {
      const at = this.#dueAt(workload, open, gatherMs);
      if (at <= clock.monotonic()) await this.#restart(workload, open, signal);
      if (open.some((debt) => !this.#isDone(debt, workload)))
        later(Math.max(at, this.#attempts.get(workload)?.nextAt ?? 0));
    }
    this.#reportEnded(owed);
    this.#forgetAttempts(owed);
    await this.#settle(owed, later, signal);
    return next;
  }

  /** Of each change which workloads it concerns; one look per namespace. */
  async #findUsers(
    owed: readonly RestartDebt[],
    gatherMs: number,
    later: (at: number) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const unknown = new Map<string, RestartDebt[]>();
    for (const debt of owed) {
      const change = this.#changes.get(keyOf(debt));
      if (change === undefined) continue;
      const namespace = namespaceOf(debt.id);
      if (debt.restart !== true) change.users = debt.restart.map((name) => `${namespace}/${name}`);
      else if (change.users === undefined) unknown.set(namespace, [...(unknown.get(namespace) ?? []), debt]);
    }
    for (const [namespace, open] of unknown) {
      const all: WorkloadId = `${namespace}/*`;
      const at = this.#dueAt(all, open, gatherMs);
      if (at <= this.#options.clock.monotonic()) {
        await this.#attempt(all, open, async () => {
          const found = await this.#options.workloads.list(namespace, { signal });
          for (const debt of open) {
            const name = debt.id.slice(namespace.length + 1);
            const users = [...found].filter(([, secrets]) => secrets.has(name)).map(([workload]) => workload);
            const change = this.#changes.get(keyOf(debt));
            if (change !== undefined) change.users = users;
          }
          this.#attempts.delete(all);
          this.#unwell.delete(all);
        });
      }
      if (open.some((debt) => this.#changes.get(keyOf(debt))?.users === undefined))
        later(Math.max(at, this.#attempts.get(all)?.nextAt ?? 0));
    }
  }

  /** By workload, the changes that it has not been restarted for. */
  #open(owed: readonly RestartDebt[]): ReadonlyMap<WorkloadId, readonly RestartDebt[]> {
    const open = new Map<WorkloadId, RestartDebt[]>();
    for (const debt of owed) {
      for (const workload of this.#changes.get(keyOf(debt))?.users ?? [])
        if (!this.#isDone(debt, workload)) open.set(workload, [...(open.get(workload) ?? []), debt]);
    }
    return open;
  }

  #isDone(debt: RestartDebt, workload: WorkloadId): boolean {
    return this.#changes.get(keyOf(debt))?.done.has(workload) === true;
  }

  #sinceOf(debt: RestartDebt): number {
    return this.#changes.get(keyOf(debt))?.since ?? 0;
  }

  #dueAt(workload: WorkloadId, open: readonly RestartDebt[], gatherMs: number): number {
    const { restartedAt = -Infinity, nextAt = -Infinity } = this.#attempts.get(workload) ?? {};
    const gathered = Math.min(...open.map((debt) => this.#sinceOf(debt))) + gatherMs;
    return Math.max(gathered, restartedAt + GAP_MS, nextAt);
  }

  async #restart(workload: WorkloadId, open: readonly RestartDebt[], signal: AbortSignal): Promise<void> {
    const { workloads, clock } = this.#options;
    const { restartedAt = -Infinity, absentAt = -Infinity } = this.#attempts.get(workload) ?? {};
    await this.#attempt(workload, open, async () => {
      const answer = await workloads.restart(workload, {
        changes: open,
        wasAbsent: open.every((debt) => this.#sinceOf(debt) <= absentAt),
        interrupt: clock.monotonic() - restartedAt >= PATIENCE_MS,
        signal,
      });
      this.#took(workload, open, answer);
    });
  }

  #took(workload: WorkloadId, open: readonly RestartDebt[], { outcome, messages }: RestartAnswer): void {
    const now = this.#options.clock.monotonic();
    const { nextAt: _, ...before } = this.#attempts.get(workload) ?? { failures: 0 };
    if (outcome === 'busy') {
      this.#attempts.set(workload, { ...before, nextAt: now + BUSY_MS });
      this.#say(workload, open, 'waiting', messages);
      return;
    }
    if (outcome === 'absent') {
      const failures = before.failures + 1;
      this.#attempts.set(workload, { ...before, failures, absentAt: now, nextAt: this.#retryAt(failures) });
      this.#say(workload, open, 'failed', messages);
      return;
    }
    for (const debt of open) this.#changes.get(keyOf(debt))?.done.add(workload);
    const restarted = outcome === 'restarted' && { restartedAt: now };
    this.#attempts.set(workload, { ...before, failures: 0, ...restarted });
    if (outcome === 'left') this.#say(workload, open, 'left', messages);
    else if (outcome === 'restarted' || this.#unwell.has(workload)) this.#say(workload, open, 'restarted', messages);
  }

  /** What goes wrong is said, and tried again later. */
  async #attempt(workload: WorkloadId, open: readonly RestartDebt[], work: () => Promise<void>): Promise<void> {
    const before = this.#attempts.get(workload) ?? { failures: 0 };
    const refusal = this.#options.refusal?.(workload);
    if (refusal !== undefined) {
      this.#attempts.set(workload, { ...before, nextAt: this.#options.clock.monotonic() + REFUSED_MS });
      this.#say(workload, open, 'refused', [refusal]);
      return;
    }
    try {
      await work();
    } catch (error) {
      if (!(error instanceof TargetError)) throw error;
      const failures = before.failures + 1;
      const nextAt = this.#retryAt(failures, error.retryAfterMs);
      this.#attempts.set(workload, { ...before, failures, nextAt });
      const refused = error.code === 'FORBIDDEN' || error.code === 'NOT_GRANTED';
      this.#say(workload, open, refused ? 'refused' : 'failed', [error.message]);
    }
  }

  #retryAt(failures: number, leastMs = 0): number {
    const { clock, random = Math.random } = this.#options;
    return clock.monotonic() + Math.max(leastMs, backoffMs(BACKOFF, failures, random));
  }

  /** What is not owed any more, as the config has changed for example, is not waited for. */
  #reportEnded(owed: readonly RestartDebt[]): void {
    const open = this.#open(owed);
    const looking = new Set(owed.map(({ id }) => `${namespaceOf(id)}/*`));
    for (const [workload, debts] of this.#unwell)
      if (!open.has(workload) && !looking.has(workload)) this.#say(workload, debts, 'left', []);
  }

  /** What counts for nothing any more. */
  #forgetAttempts(owed: readonly RestartDebt[]): void {
    const now = this.#options.clock.monotonic();
    const open = this.#open(owed);
    for (const [workload, { restartedAt = -Infinity }] of this.#attempts) {
      const isOpen = open.has(workload) || workload.endsWith('/*');
      if (!isOpen && now - restartedAt >= PATIENCE_MS) this.#attempts.delete(workload);
    }
  }

  async #settle(owed: readonly RestartDebt[], later: (at: number) => void, signal: AbortSignal): Promise<void> {
    const settled = owed.filter((debt) => {
      const change = this.#changes.get(keyOf(debt));
      return change?.users?.every((workload) => change.done.has(workload)) === true;
    });
    if (settled.length === 0) return;
    if (this.#settleAt <= this.#options.clock.monotonic()) {
      try {
        await this.#options.debts.settleRestarts(settled, { signal });
        return;
      } catch (error) {
        // They are done all the same, which the workloads themselves tell after a crash.
        if (!(error instanceof TargetError)) throw error;
        this.#settleAt = this.#retryAt(3);
      }
    }
    later(this.#settleAt);
  }

  #say(workload: WorkloadId, open: readonly RestartDebt[], state: RestartState, messages: readonly string[]): void {
    if (state === 'restarted' || state === 'left') this.#unwell.delete(workload);
    else this.#unwell.set(workload, open);
    const changes = open.map(({ id, keys }) => ({ secret: id, keys }));
    this.#options.report.restart({ workload, changes, state, messages });
  }
}

const LONGEST_WAIT_MS = 600_000;

function keyOf({ id, change }: RestartDebt): string {
  return `${id} ${change}`;
}

function namespaceOf(id: SecretId): string {
  return id.slice(0, id.indexOf('/'));
}
