import type { CallOptions, Clock, Snapshot } from '@hikyaku/core';
import { backoffMs } from './backoff.ts';
import { Contests } from './contests.ts';
import { heldChanges, heldPlans, LetGo } from './held-plan.ts';
import type { Approval, ApprovalOutcome } from './held-plan.ts';
import type { Inventory, InventoryEntry } from './inventory.ts';
import { restartAfter, restartFor } from './owed-restart.ts';
import { plan } from './plan.ts';
import type { Action, Changes, Holds } from './plan.ts';
import { render, sourcesOf } from './render.ts';
import type { DesiredSecret, Rendered, RenderProblem } from './render.ts';
import { isWell } from './report.ts';
import type { Report, SecretRecord, SecretState } from './report.ts';
import { ResyncPace } from './resync-pace.ts';
import { secretId } from './secret-spec.ts';
import type { SecretId, SecretSpec } from './secret-spec.ts';
import { isStored } from './source.ts';
import type { Source, Stored } from './source.ts';
import { TargetError } from './target.ts';
import type { Fingerprint, Observation, PutResult, Target, TargetErrorCode } from './target.ts';
import { Wake } from './wake.ts';
import type { RestartChange } from './workloads.ts';

export interface ReconcilerOptions {
  readonly specs: readonly SecretSpec[];
  /** Secrets of which is not known whether they are wanted: what was made of them is neither changed nor taken away, nor counted as lost. */
  readonly undecided?: ReadonlySet<SecretId>;
  readonly sources: ReadonlyMap<string, Source>;
  readonly target: Target;
  readonly inventory: Inventory;
  readonly holds: Holds;
  readonly report: Report;
  readonly clock: Clock;
  /** Writes under way at once; 32 by default. */
  readonly concurrency?: number;
  readonly random?: () => number;
}

/** What a config makes of it. */
export type ReconcilerUpdate = Pick<ReconcilerOptions, 'specs' | 'undecided' | 'sources' | 'holds'>;

/** What one reconcile is asked to do. `signal` cuts off what is under way. */
export interface ReconcileRequest extends CallOptions {
  /** Put every Secret again, also those that nothing is known to have changed. */
  readonly resync: boolean;
  /** Over so many milliseconds a resync is spread; all at once by default. The next reconciles go on with it. */
  readonly spreadMs?: number;
  /** A person has said that what is held may go. */
  readonly approved?: boolean;
  /** When it aborts nothing new is started, and what is under way is finished. */
  readonly stopping?: AbortSignal;
}

/** Of one Secret: what asks for it to be put, besides what is wanted. */
interface Occasion {
  /** Its turn in a resync. */
  readonly resync: boolean;
  readonly disturbed: boolean;
}

/** A restart that is owed now, and of what. */
export interface RestartDebt extends RestartChange {
  readonly restart: true | readonly string[];
}

interface RenderedCache {
  readonly rendered: Rendered;
  readonly fingerprint?: Fingerprint;
  readonly from: ReadonlyMap<string, Snapshot | undefined>;
}

interface Retry {
  readonly failures: number;
  /** On the monotonic clock. */
  readonly at: number;
  /** What was tried; something else is tried at once. */
  readonly fingerprint?: Fingerprint;
  /** It was refused for the lack of a grant. */
  readonly isUngranted?: boolean;
}

/** After this many writes in a row that did not reach the target, the rest is put off. */
const UNREACHABLE_AFTER = 3;

/** The API server hears of a grant about when we do. */
const AFTER_GRANT_MS = 1_000;

/** What is in the inventory is not looked at again before, while a resync goes on. */
const LOOK_EVERY_MS = 10_000;

/** So that a write which never comes through does not fill the inventory; what is forgotten is then refused as somebody else's. */
const MOST_INTENDED = 8;

/** Makes the target equal to what the sources hold. Level-based: it looks at what is wanted and what was applied, never at an event. */
export class Reconciler {
  #options: ReconcilerOptions;
  readonly #cache = new Map<SecretId, RenderedCache>();
  /** What was last put by this process: puts the last good data back while the source is wrong. */
  readonly #applied = new Map<SecretId, { readonly desired: DesiredSecret; readonly fingerprint: Fingerprint }>();
  readonly #retries = new Map<SecretId, Retry>();
  /** What was last said of them was not that they are synced. */
  readonly #unsynced = new Set<SecretId>();
  readonly #missingNamespaces = new Set<string>();
  /** To be put again though nothing else asks for it. */
  readonly #disturbed = new Set<SecretId>();
  /** What this process may prune: what was in the inventory when it started, and what it has put. A newer config may know more. */
  readonly #prunable: Set<SecretId>;
  /** Since when it is known that somebody with newer data has written them; on the monotonic clock. */
  readonly #writtenElsewhere = new Map<SecretId, number>();
  readonly #contests: Contests;
  readonly #letGo = new LetGo();
  /** What was last said of each by this process. */
  readonly #said = new Map<SecretId, SecretState>();
  /** Called when a restart has come to be owed. */
  readonly restartsOwed = new Wake();
  #unsaved: Retry | undefined;
  /** A resync that could not begin. */
  #owedResync: Retry | undefined;
  readonly #pace = new ResyncPace();
  /** When it was last looked into the inventory, on the monotonic clock. */
  #lookedAt = -Infinity;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#contests = new Contests({ clock: options.clock, random: options.random ?? Math.random });
    this.#prunable = new Set(options.inventory.entries.keys());
  }

  /** Namespaces that Secrets wait for. */
  get missingNamespaces(): ReadonlySet<string> {
    return this.#missingNamespaces;
  }

  /** When something that failed, is contested or waits for its turn is due again, on the monotonic clock; `Infinity` when nothing is. */
  get nextRetryAt(): number {
    const { nextAt } = this.#pace;
    let next = Math.min(this.#unsaved?.at ?? Infinity, this.#owedResync?.at ?? Infinity, this.#contests.nextAt, nextAt);
    for (const { at } of this.#retries.values()) next = Math.min(next, at);
    return next;
  }

  /** Restarts that are owed now. None while its Secret is fought over, or held, or before this process has looked at it. */
  get owedRestarts(): readonly RestartDebt[] {
    const { inventory, specs } = this.#options;
    return specs.flatMap((spec) => {
      const id = secretId(spec);
      const owed = inventory.entries.get(id)?.owedRestart;
      if (owed === undefined || spec.restart === undefined || !AT_REST.has(this.#said.get(id))) return [];
      return [{ id, restart: spec.restart, ...owed }];
    });
  }

  /** These are owed no more. Throws TargetError where that cannot be remembered. */
  async settleRestarts(debts: readonly RestartChange[], options: CallOptions): Promise<void> {
    const { inventory } = this.#options;
    for (const { id, change } of debts) {
      const entry = inventory.entries.get(id);
      if (entry?.owedRestart?.change !== change) continue;
      const { owedRestart: _, ...rest } = entry;
      inventory.set(rest);
    }
    await inventory.save(options);
  }

  /** Its Secrets are tried again at the next reconcile. */
  namespaceAppeared(namespace: string): void {
    if (!this.#missingNamespaces.delete(namespace)) return;
    for (const [id, retry] of this.#retries) {
      if (id.startsWith(`${namespace}/`)) this.#retries.set(id, { ...retry, at: 0 });
    }
  }

  /** Somebody has changed them: they are put again at the next reconcile, with what is known. Says whether there is one to put. */
  putAgain(ids: Iterable<SecretId>): boolean {
    for (const id of ids) if (!this.#contests.waits(id)) this.#disturbed.add(id);
    return this.#disturbed.size > 0;
  }

  /** A person says that what is wrong with them may be over: they are put at the next reconcile, whenever their turn would be. */
  tryNow(ids: Iterable<SecretId>): boolean {
    const wanted = [...ids];
    for (const id of wanted) {
      const retry = this.#retries.get(id);
      if (retry !== undefined && !this.#contests.waits(id)) this.#retries.set(id, { ...retry, at: -Infinity });
    }
    return this.putAgain(wanted);
  }

  /** Lets go at the next reconcile what is held, if it is exactly that plan, and no other one ever. Resolves at its beginning. */
  approve(approval: Approval): Promise<ApprovalOutcome> {
    return this.#letGo.ask(approval);
  }

  /** Goes by another config from the next reconcile on. What stays the same is not put again; call it between two reconciles. */
  update(to: ReconcilerUpdate): void {
    const { undecided: _, ...rest } = this.#options;
    this.#options = { ...rest, ...to };
    const wanted = new Set(to.specs.map(secretId));
    for (const id of this.#cache.keys()) if (!wanted.has(id)) this.#cache.delete(id);
    const namespaces = new Set(to.specs.map(({ namespace }) => namespace));
    for (const name of this.#missingNamespaces) if (!namespaces.has(name)) this.#missingNamespaces.delete(name);
    const { entries } = this.#options.inventory;
    const isOver = (id: SecretId) => !wanted.has(id) && !entries.has(id);
    for (const id of this.#said.keys()) if (isOver(id)) this.#said.delete(id);
    for (const id of this.#writtenElsewhere.keys()) if (isOver(id)) this.#writtenElsewhere.delete(id);
    this.#tryUngranted();
  }

  /** It may be the grants that have changed. */
  #tryUngranted(): void {
    const soon = this.#options.clock.monotonic() + AFTER_GRANT_MS;
    for (const [id, retry] of this.#retries) {
      if (retry.isUngranted !== true || this.#contests.waits(id)) continue;
      this.#retries.set(id, { ...retry, failures: 0, at: Math.min(retry.at, soon) });
    }
  }

  /** What a reconcile would do, after a look at the target; writes nothing. */
  async preview({ approved, signal }: CallOptions & { readonly approved?: boolean }): Promise<readonly Action[]> {
    const { inventory, target } = this.#options;
    this.#renderAll();
    const observations = new Map<SecretId, Observation>();
    const wanted = new Map([...this.#cache].map(([id, { rendered }]) => [id, rendered.desired]));
    const removable = [...this.#decided().keys()].filter((id) => !wanted.has(id));
    const known = [...wanted].filter(([, desired]) => desired !== undefined).map(([id]) => id);
    await this.#forEach([...known, ...removable], async (id) => {
      observations.set(id, await target.observe(id, wanted.get(id), inventory.entries.get(id), { signal }));
    });
    return this.#plan(approved, observations);
  }

  /** Does what is to be done. Never throws but for the signal: what went wrong is reported and due again. */
  async reconcile(asked: ReconcileRequest): Promise<void> {
    const { clock } = this.#options;
    const owed = this.#owedResync !== undefined && clock.monotonic() >= this.#owedResync.at;
    const mayPutAgain = !this.#isDueToLook(asked.resync || owed) || (await this.#mayPutAgain(asked));
    const request = { ...asked, resync: (asked.resync || owed) && mayPutAgain };
    this.#rememberWhenRemoved();
    this.#forgetRestarts();
    this.#renderAll();
    let actions = this.#plan(request.approved);
    if (!request.approved && actions.some(({ kind }) => kind === 'hold')) {
      // Somebody may have approved it from elsewhere, which shows in the inventory.
      await this.#options.inventory.reload(request).catch(() => request.signal.throwIfAborted());
      actions = this.#plan(request.approved);
    }
    const isAsked = this.#letGo.isAsked;
    const letGo = this.#letGo.judge(this.#heldBy(actions));
    if (letGo.size > 0) actions = this.#plan(letGo);
    // What failed while it was held does not make a person wait.
    if (isAsked) for (const id of letGo) this.#retries.delete(id);
    this.#options.report.held?.('secrets', heldPlans(this.#heldBy(actions).values()));
    this.#reportEnded(actions);
    this.#contests.wake();
    if (request.resync) {
      const ids = actions.map(({ id }) => id);
      this.#pace.begin(ids, { now: clock.monotonic(), withinMs: request.spreadMs ?? 0 });
    }
    const turn = this.#pace.take(clock.monotonic());
    const disturbed = new Set(this.#disturbed);
    this.#disturbed.clear();
    const occasionOf = (id: SecretId): Occasion => ({ resync: turn.has(id), disturbed: disturbed.has(id) });
    const due = actions.filter((action) => this.#isDue(action, occasionOf(action.id)));
    if (due.length === 0 && !this.#isDueToSave(request)) return;

    const fresh = this.#announce(due, (id) => request.approved === true || letGo.has(id));
    if (!(await this.#save(due, request))) return;

    const done: Action[] = [];
    const again: Action[] = [];
    let unreachable = 0;
    let down: TargetError | undefined;
    const applyOne = async (action: Action, isSecondTry = false): Promise<void> => {
      if (request.stopping?.aborted) return;
      if (down !== undefined) {
        this.#failed(action, down, fresh);
        return;
      }
      try {
        await this.#apply(action, occasionOf(action.id), request);
        this.#retries.delete(action.id);
        this.#letGo.done(action.id);
        this.#missingNamespaces.delete(namespaceOf(action.id));
        if (this.#cache.has(action.id)) done.push(action);
        unreachable = 0;
      } catch (error) {
        request.signal.throwIfAborted();
        if (!isTargetError(error)) throw error;
        if (!isSecondTry && (error.code === 'GONE' || error.code === 'UNANNOUNCED')) {
          // A crash between making it and remembering its new uid would leave it to nobody.
          if (error.code === 'GONE') this.#forgetUid(action.id);
          else this.#announceKeys(action, fresh);
          again.push(action);
          return;
        }
        this.#failed(action, error, fresh);
        unreachable = error.code === 'UNAVAILABLE' ? unreachable + 1 : 0;
        if (unreachable >= UNREACHABLE_AFTER) down = error;
      }
    };
    await this.#forEach(due, (action) => applyOne(action));
    if (again.length > 0 && (await this.#save(again, request)))
      await this.#forEach(again, (action) => applyOne(action, true));
    // What was written and could not be remembered is not done.
    await this.#save(done, request);
    if (this.owedRestarts.length > 0) this.restartsOwed.up();
  }

  /**
   * Before something is put again: has somebody else, with newer data, written it since? Without a look into the inventory
   * nothing is put that nobody has asked for.
   */
  async #mayPutAgain({ signal }: CallOptions): Promise<boolean> {
    if (this.#applied.size === 0) {
      this.#owedResync = undefined;
      return true;
    }
    const { inventory, clock } = this.#options;
    try {
      await inventory.reload({ signal });
      this.#lookedAt = clock.monotonic();
    } catch (error) {
      signal.throwIfAborted();
      if (!isTargetError(error)) throw error;
      // The owed resync puts them.
      this.#pace.end();
      this.#disturbed.clear();
      this.#owedResync = this.#retryAfter(error, this.#owedResync?.failures ?? 0);
      const { report } = this.#options;
      for (const id of this.#applied.keys()) report.secret({ id, state: 'failed', messages: [error.message] });
      return false;
    }
    this.#owedResync = undefined;
    for (const [id, { fingerprint }] of this.#applied) {
      const entry = inventory.entries.get(id);
      if (entry?.shape === undefined || sameFingerprint(fingerprint, fingerprintOf(entry)))
        this.#writtenElsewhere.delete(id);
      else if (!this.#writtenElsewhere.has(id)) this.#writtenElsewhere.set(id, clock.monotonic());
    }
    return true;
  }

  #isDueToLook(resync: boolean): boolean {
    if (resync || this.#disturbed.size > 0) return true;
    const now = this.#options.clock.monotonic();
    return now >= this.#pace.nextAt && now - this.#lookedAt >= LOOK_EVERY_MS;
  }

  /** What this process knows may be older than what somebody else has put, until its sources were read again. */
  #isOutdated(id: SecretId): boolean {
    const since = this.#writtenElsewhere.get(id);
    const spec = this.#specOf(id);
    if (since === undefined || spec === undefined) return false;
    return [...sourcesOf(spec)].some((name) => (this.#options.sources.get(name)?.state.readAt ?? -Infinity) <= since);
  }

  /** Also of Secrets that cannot be put now: whoever leaves a broken source behind says `keep` first. */
  #rememberWhenRemoved(): void {
    const { inventory, specs } = this.#options;
    for (const spec of specs) {
      const entry = inventory.entries.get(secretId(spec));
      if (entry !== undefined && entry.existing === spec.existing && entry.whenRemoved !== spec.whenRemoved)
        inventory.set({ ...entry, whenRemoved: spec.whenRemoved });
    }
  }

  /** Of entries that want none any more: should they want one again, it is not for an old change. */
  #forgetRestarts(): void {
    const { inventory, specs } = this.#options;
    for (const spec of specs) {
      const entry = spec.restart === undefined ? inventory.entries.get(secretId(spec)) : undefined;
      if (entry?.owedRestart === undefined && entry?.announcedRestart === undefined) continue;
      const { owedRestart: _, announcedRestart: __, ...rest } = entry;
      inventory.set(rest);
    }
  }

  /** What nothing is planned for any more, and was not well: somebody else has seen to it, by an approval for example. */
  #reportEnded(actions: readonly Action[]): void {
    if (this.#unsynced.size === 0) return;
    const planned = new Set(actions.map(({ id }) => id));
    for (const id of this.#unsynced) {
      if (planned.has(id)) continue;
      this.#retries.delete(id);
      this.#say({ id, state: 'removed', outcome: 'absent', messages: [] });
    }
  }

  #renderAll(): void {
    for (const spec of this.#options.specs) {
      const id = secretId(spec);
      const from = new Map([...sourcesOf(spec)].map((name) => [name, this.#options.sources.get(name)?.state.snapshot]));
      const cached = this.#cache.get(id);
      const isSame =
        cached?.rendered.spec === spec && [...from].every(([name, snapshot]) => cached.from.get(name) === snapshot);
      if (isSame) continue;
      const snapshots = new Map<string, Snapshot>();
      for (const [name, snapshot] of from) if (snapshot !== undefined) snapshots.set(name, snapshot);
      const rendered = render(spec, snapshots);
      const fingerprint = rendered.desired && this.#options.target.fingerprint(rendered.desired);
      this.#cache.set(id, { rendered, from, ...(fingerprint && { fingerprint }) });
    }
  }

  /**
   * What was kept before this process started repairs and creates, but never changes a Secret that was written since: that may be
   * newer. Then its source counts as not read.
   */
  #isOlder(id: SecretId, { rendered: { spec, desired }, fingerprint }: RenderedCache): Rendered | undefined {
    const entry = this.#options.inventory.entries.get(id);
    if (desired === undefined || entry?.shape === undefined) return undefined;
    const storedOf = (source: string) => this.#options.sources.get(source)?.state.stored ?? NOTHING_STORED;
    const older = new Map<string, RenderProblem>();
    const add = (source: string, what: string) =>
      older.set(what, { code: 'SOURCE_UNREAD', source, message: `${what} ${STORED_DIFFERS}` });
    for (const [key, { source, from }] of desired.data) {
      const stored = storedOf(source);
      if (isStored(stored, from) && fingerprint?.keys.get(key) !== entry.keys.get(key)?.fingerprint)
        add(source, stored === 'all' ? source : `${from.split('\0')[0]} of ${source}`);
    }
    const sources = sourcesOf(spec);
    for (const [key, { source }] of entry.keys)
      if (!desired.data.has(key) && sources.has(source) && storedOf(source) === 'all') add(source, source);
    return older.size === 0 ? undefined : { spec, problems: [...older.values()] };
  }

  #heldBy(actions: readonly Action[]): ReturnType<typeof heldChanges> {
    return heldChanges(actions, this.#options.inventory.entries);
  }

  #plan(
    approved: boolean | ReadonlySet<SecretId> = false,
    observations?: ReadonlyMap<SecretId, Observation>,
  ): readonly Action[] {
    const fingerprints = new Map<SecretId, Fingerprint>();
    for (const [id, { fingerprint }] of this.#cache) if (fingerprint !== undefined) fingerprints.set(id, fingerprint);
    const { holds } = this.#options;
    const rendered = [...this.#cache].map(([id, cached]) => this.#isOlder(id, cached) ?? cached.rendered);
    return plan({
      prunable: this.#prunable,
      rendered,
      fingerprints,
      inventory: this.#decided(),
      holds,
      approved,
      ...(observations && { observations }),
    });
  }

  #decided(): ReadonlyMap<SecretId, InventoryEntry> {
    const { inventory, undecided } = this.#options;
    if (undecided === undefined || undecided.size === 0) return inventory.entries;
    return new Map([...inventory.entries].filter(([id]) => !undecided.has(id)));
  }

  #isDue(action: Action, { resync, disturbed }: Occasion): boolean {
    const { id } = action;
    if ((action.kind === 'keep' || action.kind === 'update') && action.desired !== undefined && this.#isOutdated(id)) {
      this.#retries.delete(id);
      return false;
    }
    const retry = this.#retries.get(id);
    if (retry !== undefined && sameFingerprint(retry.fingerprint, this.#cache.get(id)?.fingerprint)) {
      const hurries = resync && !this.#contests.waits(id);
      return hurries || this.#options.clock.monotonic() >= retry.at;
    }
    this.#retries.delete(id);
    if (this.#isStillRead(action)) return false;
    if (action.kind === 'keep' && action.desired !== undefined && this.#contests.has(id))
      return !this.#contests.waits(id) || this.#isChanged(id);
    if (action.kind !== 'keep' || resync || action.problems !== undefined) return true;
    // It may be well again by itself, or by what somebody approved elsewhere: then it is put, and said, again.
    return this.#unsynced.has(id) || disturbed || this.#isChanged(id);
  }

  /** Something else is wanted than what this process has put last. */
  #isChanged(id: SecretId): boolean {
    const applied = this.#applied.get(id);
    return applied === undefined || !sameFingerprint(applied.fingerprint, this.#cache.get(id)?.fingerprint);
  }

  /** Not everything is known of its sources yet, and nothing has gone wrong. */
  #isStillRead(action: Action): boolean {
    if (action.kind !== 'keep' || action.problems === undefined) return false;
    return action.problems.every(({ code, source = '' }) => {
      const state = this.#options.sources.get(source)?.state;
      return (
        state?.failures === 0 && (code === 'KEY_PENDING' || (code === 'SOURCE_UNREAD' && state.error === undefined))
      );
    });
  }

  #specOf(id: SecretId): SecretSpec | undefined {
    return this.#cache.get(id)?.rendered.spec;
  }

  /**
   * Enters what will be created into the inventory, so that a crash in between orphans nothing; and what a person has let go, so
   * that a daemon which is about to put it back sees it first.
   */
  #announce(due: readonly Action[], isApproved: (id: SecretId) => boolean): Set<SecretId> {
    const { inventory } = this.#options;
    const fresh = new Set<SecretId>();
    for (const action of due) {
      const { id } = action;
      this.#announceRestart(action);
      const entry = inventory.entries.get(id);
      // Whether there is anything to merge into, and what of it is ours, shows only when the target looks.
      if ('desired' in action && action.desired?.existing === 'merge') continue;
      if (action.kind === 'create' && entry === undefined) {
        const { existing, data } = action.desired;
        const keys = new Map([...data].map(([key, { source }]) => [key, { source }]));
        inventory.set({ id, keys, existing, whenRemoved: this.#specOf(id)?.whenRemoved ?? 'delete' });
        fresh.add(id);
      }
      const fingerprint = this.#cache.get(id)?.fingerprint;
      if (isApproved(id) && action.kind === 'update' && entry !== undefined && fingerprint !== undefined)
        inventory.set({ ...entry, shape: fingerprint.shape, keys: inventoryKeys(action.desired, fingerprint) });
    }
    return fresh;
  }

  /** So that what a crash right after the put leaves undone is done later. */
  #announceRestart({ id, kind }: Action): void {
    const { inventory } = this.#options;
    const entry = inventory.entries.get(id);
    const fingerprint = this.#cache.get(id)?.fingerprint;
    if (kind !== 'update' || entry === undefined || fingerprint === undefined) return;
    if (this.#specOf(id)?.restart === undefined) return;
    const announcedRestart = restartFor(entry, fingerprint);
    if (announcedRestart !== undefined) inventory.set({ ...entry, announcedRestart });
  }

  /** Enters what is about to be put into somebody else's Secret. */
  #announceKeys(action: Action, fresh: Set<SecretId>): void {
    const { inventory, target } = this.#options;
    const { id } = action;
    const planned = action.kind === 'hold' || !('desired' in action) ? undefined : action.desired;
    const desired = planned ?? this.#applied.get(id)?.desired;
    if (desired === undefined) return;
    const entry = inventory.entries.get(id);
    const keys = new Map(entry?.keys);
    for (const [key, wanted] of target.fingerprint(desired).keys) {
      const before = keys.get(key) ?? { source: desired.data.get(key)?.source ?? '' };
      const { fingerprint, intended = [] } = before;
      if (fingerprint !== wanted && !intended.includes(wanted))
        keys.set(key, { ...before, intended: [...intended, wanted].slice(-MOST_INTENDED) });
    }
    const { existing } = desired;
    inventory.set({ id, existing, whenRemoved: this.#specOf(id)?.whenRemoved ?? 'delete', ...entry, keys });
    if (entry === undefined) fresh.add(id);
  }

  #forgetUid(id: SecretId): void {
    const entry = this.#options.inventory.entries.get(id);
    if (entry === undefined) return;
    const { uid: _, ...rest } = entry;
    this.#options.inventory.set(rest);
  }

  #isDueToSave({ resync }: ReconcileRequest): boolean {
    if (this.#unsaved === undefined) return this.#options.inventory.unsaved;
    return resync || this.#options.clock.monotonic() >= this.#unsaved.at;
  }

  /** Without its inventory nothing is written. */
  async #save(due: readonly Action[], { signal }: ReconcileRequest): Promise<boolean> {
    try {
      await this.#options.inventory.save({ signal });
      this.#unsaved = undefined;
      return true;
    } catch (error) {
      signal.throwIfAborted();
      if (!isTargetError(error)) throw error;
      this.#unsaved = this.#retryAfter(error, this.#unsaved?.failures ?? 0);
      for (const action of due) this.#failed(action, error, new Set());
      return false;
    }
  }

  async #apply(action: Action, occasion: Occasion, request: ReconcileRequest): Promise<void> {
    const { id } = action;
    const { inventory, target } = this.#options;
    switch (action.kind) {
      case 'create':
      case 'update':
        await this.#put(action.desired, action.changes, request);
        return;
      case 'keep':
        if (action.desired !== undefined) await this.#put(action.desired, undefined, request);
        else {
          const { problems = [] } = action;
          const state = problems.every(({ code }) => STILL_READ.has(code)) ? 'waiting' : 'kept';
          await this.#keepLastGood({ id, state, messages: messagesOf(problems) }, occasion, request);
        }
        return;
      case 'hold':
        await this.#keepLastGood(
          { id, state: 'held', messages: [action.reason.message], changes: action.changes },
          occasion,
          request,
        );
        return;
      case 'refuse':
        throw action.error;
      case 'delete': {
        const outcome = await target.remove(action.entry, request);
        this.#forget(id);
        const left =
          action.entry.existing === 'merge'
            ? `keys cannot be taken out of ${id} any more: left alone`
            : `${id} is not ours any more: left alone`;
        this.#say({ id, state: 'removed', outcome, messages: outcome === 'foreign' ? [left] : [] });
        return;
      }
      case 'forget':
        inventory.remove(id);
        this.#forget(id);
        this.#say({ id, state: 'left', messages: [] });
    }
  }

  async #put(desired: DesiredSecret, changes: Changes | undefined, { signal }: CallOptions): Promise<void> {
    const { inventory, target } = this.#options;
    const { id } = desired;
    const result = await target.put(desired, inventory.entries.get(id), { signal });
    const { outcome, uid, resourceVersion } = result;
    if (changes === undefined) this.#judge(id, result);
    const fingerprint = this.#cache.get(id)?.fingerprint ?? target.fingerprint(desired);
    this.#applied.set(id, { desired, fingerprint });
    this.#prunable.add(id);
    this.#writtenElsewhere.delete(id);
    const { shape } = fingerprint;
    const { existing } = desired;
    const keys = inventoryKeys(desired, fingerprint);
    const { whenRemoved = 'delete', restart } = this.#specOf(id) ?? {};
    const owedRestart = restart && restartAfter(inventory.entries.get(id), fingerprint, result);
    const entry = { id, uid, resourceVersion, shape, keys, existing, whenRemoved };
    inventory.set({ ...entry, ...(owedRestart && { owedRestart }) });
    const isContested = this.#contests.has(id);
    this.#say({
      id,
      state: isContested ? 'contested' : 'synced',
      outcome,
      messages: isContested ? [contestedText(id, result.others, target)] : [],
      ...(changes && outcome !== 'unchanged' && { changes }),
    });
  }

  /** Of what was put though nothing else is wanted than before. */
  #judge(id: SecretId, { outcome }: PutResult): void {
    if (outcome === 'repaired') this.#contests.lost(id);
    if (outcome === 'unchanged') this.#contests.undisturbed(id);
  }

  /** Puts the last good data back where somebody has changed it meanwhile. */
  async #keepLastGood(record: SecretRecord, { resync, disturbed }: Occasion, request: ReconcileRequest): Promise<void> {
    const { inventory, target } = this.#options;
    const { id, messages } = record;
    const lastGood = this.#isOutdated(id) ? undefined : this.#applied.get(id)?.desired;
    const entry = inventory.entries.get(id);
    const mayPut = (resync || disturbed) && !this.#contests.waits(id);
    if (!mayPut || lastGood === undefined || entry === undefined) {
      this.#say(record);
      return;
    }
    const result = await target.put(lastGood, entry, request);
    const { outcome, uid, resourceVersion } = result;
    // What is owed may have been settled meanwhile.
    inventory.set({ ...(inventory.entries.get(id) ?? entry), uid, resourceVersion });
    this.#judge(id, result);
    const contested = this.#contests.has(id) ? [contestedText(id, result.others, target)] : [];
    this.#say({ ...record, messages: [...messages, ...contested], outcome });
  }

  #failed(action: Action, error: TargetError, fresh: ReadonlySet<SecretId>): void {
    const { id } = action;
    const { inventory } = this.#options;
    if (error.code === 'NAMESPACE_MISSING') this.#missingNamespaces.add(namespaceOf(id));
    // Nothing of ours is there: what was announced is taken back. With any other outcome something may be.
    // Also what an earlier try announced in vain is not ours where somebody else's stands.
    const unwritten = inventory.entries.get(id)?.uid === undefined;
    const foreign = error.code === 'FOREIGN' && inventory.entries.get(id)?.existing === 'refuse';
    if (unwritten && (foreign || (fresh.has(id) && REFUSALS.has(error.code)))) inventory.remove(id);
    // Who often writes keys of his own in a Secret that is merged into does not contest ours.
    if (error.code === 'CONFLICT' && inventory.entries.get(id)?.existing !== 'merge') this.#contests.lost(id);
    const retry = this.#retryAfter(error, this.#retries.get(id)?.failures ?? 0);
    const at = Math.max(retry.at, this.#contests.until(id));
    const fingerprint = this.#cache.get(id)?.fingerprint;
    const isUngranted = error.code === 'NOT_GRANTED';
    this.#retries.set(id, { ...retry, at, isUngranted, ...(fingerprint && { fingerprint }) });
    const isContested = error.code === 'CONFLICT' && this.#contests.has(id);
    this.#say({ id, state: isContested ? 'contested' : STATES[error.code], messages: [error.message] });
  }

  #retryAfter(error: TargetError, failuresBefore: number): Retry {
    const { clock, random = Math.random } = this.#options;
    const failures = failuresBefore + 1;
    // An API server that has just started forbids everything until it has loaded its rules.
    const slow = REFUSALS.has(error.code) && error.code !== 'FORBIDDEN' && error.code !== 'ABSENT';
    const backoff = slow ? { firstMs: 30_000, mostMs: 600_000 } : { firstMs: 1_000, mostMs: 60_000 };
    return {
      failures,
      at: clock.monotonic() + Math.max(error.retryAfterMs ?? 0, backoffMs(backoff, failures, random)),
    };
  }

  #forget(id: SecretId): void {
    this.#options.inventory.remove(id);
    this.#applied.delete(id);
    this.#retries.delete(id);
    this.#contests.forget(id);
  }

  #say(record: SecretRecord): void {
    this.#said.set(record.id, record.state);
    if (isWell(record.state)) this.#unsynced.delete(record.id);
    else this.#unsynced.add(record.id);
    this.#options.report.secret(record);
  }

  async #forEach<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
    const { concurrency = 32 } = this.#options;
    // Each write under way is a connection kept open: a few Secrets do not need them all.
    const workers = Math.min(concurrency, Math.max(4, Math.ceil(items.length / 8)));
    const queue = items.values();
    async function worker(): Promise<void> {
      for (const item of queue) await work(item);
    }
    await Promise.all(Array.from({ length: workers }, worker));
  }
}

/** While the source is wrong, what was put before stays and is no less true. */
const AT_REST: ReadonlySet<SecretState | undefined> = new Set<SecretState>(['synced', 'kept']);

const NOTHING_STORED: Stored = new Set();

const STORED_DIFFERS =
  'has not been read since the start, and what was kept of it is not what was written last: waiting for it';

/** The same each time, so that it is logged once. */
function contestedText(id: SecretId, others: readonly string[] = [], target: Target): string {
  const who =
    others.length > 0 ? `it is managed by ${others.join(', ')} as well` : `who it is: ${target.howToFindOthers(id)}`;
  return `somebody else keeps changing Secret ${id}: it is put right only now and then, every 10 minutes at the most; take it out of there, or out of the config; ${who}`;
}

/** Problems that end by themselves once a read is complete. */
const STILL_READ: ReadonlySet<RenderProblem['code']> = new Set(['SOURCE_UNREAD', 'KEY_PENDING']);

/** One word for hundreds of keys that are still to come. */
function messagesOf(problems: readonly RenderProblem[]): readonly string[] {
  const pending = problems.filter(({ code }) => code === 'KEY_PENDING');
  const others = problems.filter(({ code }) => code !== 'KEY_PENDING').map(({ message }) => message);
  if (pending.length === 0) return others;
  return [...others, `${pending.length} ${pending.length === 1 ? 'secret is' : 'secrets are'} still to be read`];
}

const STATES: Readonly<Record<TargetErrorCode, SecretState>> = {
  FOREIGN: 'refused',
  ABSENT: 'waiting',
  NAMESPACE_MISSING: 'waiting',
  UNCHANGEABLE: 'refused',
  NOT_GRANTED: 'refused',
  FORBIDDEN: 'refused',
  INVALID: 'refused',
  GONE: 'failed',
  UNANNOUNCED: 'failed',
  CONFLICT: 'failed',
  UNAVAILABLE: 'failed',
};

/** Codes that say for certain that nothing was written. */
const REFUSALS: ReadonlySet<TargetErrorCode> = new Set([
  'FOREIGN',
  'ABSENT',
  'NAMESPACE_MISSING',
  'UNCHANGEABLE',
  'NOT_GRANTED',
  'FORBIDDEN',
  'INVALID',
]);

function namespaceOf(id: SecretId): string {
  return id.slice(0, id.indexOf('/'));
}

function inventoryKeys({ data }: DesiredSecret, { keys: texts }: Fingerprint): InventoryEntry['keys'] {
  return new Map([...data].map(([key, { source }]) => [key, { source, fingerprint: texts.get(key) ?? '' }]));
}

function fingerprintOf({ shape = '', keys }: InventoryEntry): Fingerprint {
  // What was only announced is not what was written.
  const written = [...keys].flatMap(([key, { fingerprint }]) =>
    fingerprint === undefined ? [] : [[key, fingerprint] as const],
  );
  return { shape, keys: new Map(written) };
}

function sameFingerprint(a: Fingerprint | undefined, b: Fingerprint | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return (
    a.shape === b.shape && a.keys.size === b.keys.size && [...a.keys].every(([key, text]) => b.keys.get(key) === text)
  );
}

function isTargetError(error: unknown): error is TargetError {
  return error instanceof TargetError;
}
