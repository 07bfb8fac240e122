import { isProviderError, ProviderError } from '@hikyaku/core';
import type { CallOptions, Clock, SecretsClient, Snapshot, WriteResult } from '@hikyaku/core';
import { backoffMs } from './backoff.ts';
import { closeClient, LAST_WORDS_MS } from './close-client.ts';
import type { Threshold } from './exceeds.ts';
import { giveUpWhenSilent, OVERDUE, OVERDUE_MS } from './give-up.ts';
import { heldPlans, heldPushChanges, LetGo } from './held-plan.ts';
import type { Approval, ApprovalOutcome } from './held-plan.ts';
import { pushedId } from './push-inventory.ts';
import type { PushedKey, PushInventory } from './push-inventory.ts';
import { PushLedger } from './push-ledger.ts';
import type { Decided } from './push-ledger.ts';
import type { OriginState, PushOrigin } from './push-origin.ts';
import { namesToRead, planPushes } from './push-plan.ts';
import type { OpenPush, PushInput, PushPlan, PushStep } from './push-plan.ts';
import { recordOf, troublesOf } from './push-record.ts';
import type { Trouble } from './push-record.ts';
import { pushId } from './push-spec.ts';
import type { PushSpec } from './push-spec.ts';
import type { PushRecord, Report } from './report.ts';
import { secretId } from './secret-spec.ts';
import type { SecretId } from './secret-spec.ts';
import { TargetError } from './target.ts';
import { toProviderError } from './to-provider-error.ts';
import { Wake } from './wake.ts';
import { writeGuarded } from './write-guarded.ts';
import type { GuardedChange } from './write-guarded.ts';

export interface SourcePushesOptions {
  readonly source: string;
  /** Which data the source is: what was pushed elsewhere counts for nothing here. */
  readonly identity: string;
  /** May be none, where only something is left that was pushed before. */
  readonly specs: readonly PushSpec[];
  /** Secrets of which is not known whether they are pushed here: what was pushed of them is neither changed nor taken away. */
  readonly undecided?: ReadonlySet<SecretId>;
  /** Why a push is not granted; `undefined` where it is. */
  readonly refusal?: (spec: PushSpec) => string | undefined;
  readonly origin: PushOrigin;
  readonly connect: () => Promise<SecretsClient>;
  readonly inventory: PushInventory;
  readonly hold: Threshold | 'off';
  readonly report: Report;
  readonly clock: Clock;
  readonly random?: () => number;
}

export interface PushRequest extends CallOptions {
  /** Look at the source too, though no Secret has changed. */
  readonly resync: boolean;
  readonly approved?: boolean;
  /** When it aborts nothing new is started, and what is under way is finished. */
  readonly stopping?: AbortSignal;
}

interface Retry {
  readonly failures: number;
  /** On the monotonic clock. */
  readonly at: number;
  /** The source has asked not to be asked before. */
  readonly notBefore: number;
}

const SOON = { firstMs: 1_000, mostMs: 60_000 };
const SLOWLY = { firstMs: 30_000, mostMs: 600_000 };

/** All pushes to one source: one look and one write for all of them. Level-based, as the Reconciler is. */
export class SourcePushes implements AsyncDisposable {
  readonly source: string;
  /** Asks for a round. */
  readonly wake = new Wake();
  readonly #options: SourcePushesOptions;
  readonly #ledger: PushLedger;
  readonly #letGo = new LetGo();
  #client: SecretsClient | undefined;
  #remote: { readonly names: string; readonly snapshot: Snapshot } | undefined;
  /** What the Secrets held at the last round. */
  #looked: string | undefined;
  #retry: Retry | undefined;
  /** The last one, which may go on. */
  #round: Promise<void> = Promise.resolve();
  readonly #left = Promise.withResolvers<void>();

  constructor(options: SourcePushesOptions) {
    this.source = options.source;
    this.#options = options;
    this.#ledger = new PushLedger(options.inventory, options.identity, options.specs);
  }

  /** The pushes whose Secrets may be looked at. */
  get granted(): readonly PushSpec[] {
    const { specs, refusal } = this.#options;
    return specs.filter((spec) => refusal?.(spec) === undefined);
  }

  /** When something is due again, on the monotonic clock; `Infinity` when all is well. */
  get nextRetryAt(): number {
    return this.#retry?.at ?? Infinity;
  }

  /** Lets go at a round that begins now what is held, if it is exactly that plan. Resolves when that has been done, or tried. */
  async approve(approval: Approval): Promise<ApprovalOutcome> {
    const judged = this.#letGo.ask(approval);
    this.wake.up();
    const outcome = await judged;
    if (outcome === 'given') await Promise.race([this.#round.catch(() => {}), this.#left.promise]);
    return outcome;
  }

  /** What would be said after a round; writes nothing. Never throws but for the signal. */
  async preview({
    approved = false,
    signal,
  }: CallOptions & { readonly approved?: boolean }): Promise<readonly PushRecord[]> {
    const pushes = await this.#openAll(signal);
    try {
      const { plans } = await this.#decide(pushes, approved, signal);
      return plans.map((plan) => recordOf(plan, new Map()));
    } catch (error) {
      signal.throwIfAborted();
      return this.#failures(toProviderError(error));
    }
  }

  /** One round. Never throws but for the signal: what went wrong is reported and due again. */
  push(request: PushRequest): Promise<void> {
    this.#round = this.#pushOnce(request);
    return this.#round;
  }

  async #pushOnce(request: PushRequest): Promise<void> {
    const { resync, approved = false, signal } = request;
    const pushes = await this.#openAll(signal);
    const looked = this.#lookText(pushes);
    if (!resync && !approved && !this.#letGo.isAsked && !this.#isDue(looked)) return;
    if (looked !== this.#looked && this.#retry !== undefined) this.#retry = { ...this.#retry, failures: 0 };
    this.#looked = looked;
    try {
      await this.#options.inventory.reload({ signal });
      const decided = await this.#decide(pushes, approved, signal);
      this.#options.report.held?.(`push:${this.source}`, heldPlans(this.#heldBy(decided.plans).values()));
      this.#ledger.announce(decided);
      await this.#options.inventory.save({ signal });
      const results = await this.#write(decided.plans, request);
      if (results === undefined) return;
      this.#ledger.remember(decided, results);
      for (const { id, steps } of decided.plans)
        if (steps.every(({ name }) => results.get(name)?.error === undefined)) this.#letGo.done(id);
      await this.#options.inventory.save({ signal });
      this.#say(
        decided.plans.map((plan) => recordOf(plan, results)),
        troublesOf(decided.plans, results),
      );
    } catch (error) {
      signal.throwIfAborted();
      this.#letGo.giveUp();
      this.#failed(error instanceof TargetError ? error : toProviderError(error));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Nobody looks at what is held any more.
    this.#letGo.giveUp();
    this.#left.resolve();
    await closeClient(this.#client, this.#options.clock);
  }

  async #openAll(signal: AbortSignal): Promise<readonly OpenPush[]> {
    const { specs, origin, refusal } = this.#options;
    return await Promise.all(
      specs.map(async (spec): Promise<OpenPush> => {
        const message = refusal?.(spec);
        if (message !== undefined) return { spec, origin: { problem: { code: 'NOT_GRANTED', message } } };
        const state = await origin.read(spec, { signal });
        return { spec, origin: state.data?.size === 0 ? isEmpty(spec) : state };
      }),
    );
  }

  #heldBy(plans: readonly PushPlan[]): ReturnType<typeof heldPushChanges> {
    const { source } = this;
    const { inventory } = this.#options;
    return heldPushChanges(plans, (step) =>
      'before' in step ? inventory.fingerprint(pushedId(source, step.name), step.before.value) : '',
    );
  }

  /** Equal for Secrets that hold the same, so that a change of anything else costs the source no request. */
  #lookText(pushes: readonly OpenPush[]): string {
    const { inventory } = this.#options;
    return JSON.stringify(
      pushes.map(({ spec, origin: { data, problem } }) => [
        secretId(spec),
        problem?.code,
        [...(data ?? [])]
          .map(([key, value]) => `${key} ${inventory.fingerprint(`${secretId(spec)}\0${key}`, value)}`)
          .toSorted((a, b) => (a < b ? -1 : 1)),
      ]),
    );
  }

  #isDue(looked: string): boolean {
    const now = this.#options.clock.monotonic();
    if (this.#retry === undefined) return looked !== this.#looked;
    return now >= this.#retry.at || (looked !== this.#looked && now >= this.#retry.notBefore);
  }

  async #decide(pushes: readonly OpenPush[], approved: boolean, signal: AbortSignal): Promise<Decided> {
    const { source, identity, inventory, hold, connect } = this.#options;
    const known = this.#known();
    const pushed = known.filter((entry) => entry.identity === identity);
    const input: PushInput = { source, pushes, pushed, fingerprint: (id, value) => inventory.fingerprint(id, value) };
    this.#client ??= await connect();
    if (this.#client.write === undefined) {
      throw new ProviderError('UNSUPPORTED', `${source} can only be read: its provider does not write`);
    }
    const remote = await this.#read(this.#client, namesToRead(input), signal);
    let plans = planPushes({ ...input, remote, hold, approved });
    const letGo = this.#letGo.judge(this.#heldBy(plans));
    if (letGo.size > 0) plans = planPushes({ ...input, remote, hold, approved: letGo });
    return {
      plans,
      pushed: new Map(pushed.map((entry) => [entry.id, entry])),
      elsewhere: known.filter((entry) => entry.identity !== identity),
    };
  }

  /** What was pushed to this source, under whatever identity. */
  #known(): readonly PushedKey[] {
    const { source, inventory, undecided } = this.#options;
    return [...inventory.entries.values()].filter(
      ({ id, from }) => id.startsWith(`${source}/`) && undecided?.has(from) !== true,
    );
  }

  async #read(client: SecretsClient, names: readonly string[], signal: AbortSignal): Promise<Snapshot> {
    if (names.length === 0) return { secrets: new Map() };
    const before = this.#remote;
    const asked = JSON.stringify(names);
    // A revision stands for what was asked for then.
    const { revision: _, ...rest } = before?.snapshot ?? {};
    const previous =
      before?.names === asked ? before.snapshot : before && { secrets: before.snapshot.secrets, ...rest };
    const refs = names.map((name) => ({ name }));
    const { clock } = this.#options;
    const ended = await giveUpWhenSilent(
      ({ signal: until, alive }) =>
        client.read({ all: false, refs, signal: until, progress: alive, ...(previous && { previous }) }),
      { clock, signal, silenceMs: OVERDUE_MS, lastWordsMs: LAST_WORDS_MS },
    );
    if (ended.value === undefined) {
      if (ended.isDeaf) this.#leaveClient();
      throw new ProviderError('UNAVAILABLE', OVERDUE);
    }
    this.#remote = { names: asked, snapshot: ended.value };
    return ended.value;
  }

  /** The next round has one of its own. */
  #leaveClient(): void {
    const client = this.#client;
    this.#client = undefined;
    void closeClient(client, this.#options.clock);
  }

  /** `undefined` when it was told to stop before anything was sent. */
  async #write(
    plans: readonly PushPlan[],
    { signal, stopping }: PushRequest,
  ): Promise<ReadonlyMap<string, WriteResult> | undefined> {
    const changes = plans.flatMap(({ steps }) => steps.flatMap(changeOf));
    if (changes.length === 0) return new Map();
    if (stopping?.aborted === true) return undefined;
    const client = (this.#client ??= await this.#options.connect());
    const results = await writeGuarded(client, changes, { signal });
    return new Map(results.map((result) => [result.name, result]));
  }

  #failed(error: ProviderError | TargetError): void {
    const slow = isProviderError(error) ? !error.retryable : error.code === 'INVALID';
    this.#say(this.#failures(error), [{ slow, retryAfterMs: error.retryAfterMs ?? 0 }]);
  }

  #failures(error: ProviderError | TargetError): readonly PushRecord[] {
    const secrets = new Set([...this.#options.specs.map(secretId), ...this.#known().map(({ from }) => from)]);
    const state = error.code === 'UNSUPPORTED' || error.code === 'INVALID_CONFIG' ? 'refused' : 'failed';
    const rest = { to: this.source, state, messages: [error.message] } as const;
    return [...secrets].map((from) => ({ id: pushId(from, this.source), from, ...rest }));
  }

  #say(records: readonly PushRecord[], troubles: readonly Trouble[]): void {
    const { report, clock, random = Math.random } = this.#options;
    for (const record of records) report.push(record);
    report.pushesTo?.(this.source, new Set(records.map(({ id }) => id)));
    if (troubles.length === 0) {
      this.#retry = undefined;
      return;
    }
    const failures = (this.#retry?.failures ?? 0) + 1;
    const now = clock.monotonic();
    const notBefore = now + Math.max(...troubles.map(({ retryAfterMs }) => retryAfterMs));
    const pace = troubles.every(({ slow }) => slow) ? SLOWLY : SOON;
    this.#retry = { failures, notBefore, at: Math.max(notBefore, now + backoffMs(pace, failures, random)) };
  }
}

function changeOf(step: PushStep): readonly GuardedChange[] {
  switch (step.kind) {
    case 'create':
    case 'update':
    case 'remove':
      return [step];
    default:
      return [];
  }
}

function isEmpty(spec: PushSpec): OriginState {
  const message = `Secret ${secretId(spec)} has no keys: nothing is changed at ${spec.source}`;
  return { problem: { code: 'EMPTY', message } };
}
