import { systemClock } from '@hikyaku/core';
import type { Clock, Logger } from '@hikyaku/core';
import { isWell } from '@hikyaku/engine';
import type { HeldPlan, PushRecord, Report, RestartRecord, SecretRecord, SourceRecord } from '@hikyaku/engine';
import { Moments, momentsId } from './status/moments.ts';

/** What has just been said. */
export type NewRecord =
  | { readonly kind: 'secret'; readonly record: SecretRecord }
  | { readonly kind: 'source'; readonly record: SourceRecord }
  | { readonly kind: 'push'; readonly record: PushRecord }
  | { readonly kind: 'restart'; readonly record: RestartRecord }
  | { readonly kind: 'held' };

/** The latest record of each Secret, source, push and restart; logs what a person would want to know, once. */
export class Records implements Report {
  readonly secrets = new Map<string, SecretRecord>();
  readonly sources = new Map<string, SourceRecord>();
  readonly pushes = new Map<string, PushRecord>();
  /** What is held, by who looks after it. */
  readonly holds = new Map<string, readonly HeldPlan[]>();
  readonly moments: Moments;
  readonly restarts = new Map<string, RestartRecord>();
  /** A round over the Secrets has ended; milliseconds. */
  onRound: (ms: number) => void = () => {};
  readonly #logger: Logger;
  readonly #listeners = new Set<(said: NewRecord) => void>();

  constructor(logger: Logger, onRecord: () => void = () => {}, clock: Pick<Clock, 'now'> = systemClock) {
    this.#logger = logger;
    this.#listeners.add(onRecord);
    this.moments = new Moments(clock);
  }

  /** Calls with each record from now on, until the answer is called. */
  listen(listener: (said: NewRecord) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get hasFailedSource(): boolean {
    return [...this.sources.values()].some(({ ok }) => !ok);
  }

  secret(record: SecretRecord): void {
    const before = this.secrets.get(record.id);
    this.secrets.set(record.id, record);
    this.moments.secret(record, before);
    this.#logSecret(record, before);
    this.#tell({ kind: 'secret', record });
  }

  source(record: SourceRecord): void {
    const before = this.sources.get(record.source);
    this.sources.set(record.source, record);
    this.moments.source(record, before);
    this.#logSource(record, before);
    this.#tell({ kind: 'source', record });
  }

  push(record: PushRecord): void {
    const before = this.pushes.get(record.id);
    this.pushes.set(record.id, record);
    this.moments.push(record, before);
    this.#logPush(record, before);
    this.#tell({ kind: 'push', record });
  }

  /** What was wrong with a push whose entry is gone is over. */
  pushesTo(source: string, ids: ReadonlySet<string>): void {
    this.#endPushes(({ id, to }) => to === source && !ids.has(id));
  }

  #endPushes(hasEnded: (record: PushRecord) => boolean): void {
    const ended = [...this.pushes.values()].filter((record) => !isOver(record.state) && hasEnded(record));
    for (const record of ended)
      this.push({ id: record.id, from: record.from, to: record.to, state: 'left', messages: [] });
  }

  /** With another config, which uses these sources and pushes to those: what is over is not kept for ever. */
  forgetEnded(sources: ReadonlySet<string>, pushedTo: ReadonlySet<string>): void {
    this.#endPushes(({ to }) => !pushedTo.has(to));
    for (const by of this.holds.keys())
      if (by !== 'secrets' && !pushedTo.has(by.slice('push:'.length))) this.held(by, []);
    for (const [id, { state }] of this.secrets) if (isOver(state)) this.#forget(this.secrets, id, momentsId.secret(id));
    for (const [id, { state }] of this.pushes) if (isOver(state)) this.#forget(this.pushes, id, momentsId.push(id));
    for (const name of this.sources.keys())
      if (!sources.has(name)) this.#forget(this.sources, name, momentsId.source(name));
    for (const [workload, { state }] of this.restarts) if (isWell(state)) this.restarts.delete(workload);
    for (const [by, plans] of this.holds) if (plans.length === 0) this.holds.delete(by);
  }

  #forget(records: Map<string, unknown>, id: string, moments: string): void {
    records.delete(id);
    this.moments.forget(moments);
  }

  held(by: string, plans: readonly HeldPlan[]): void {
    const before = this.holds.get(by) ?? [];
    this.holds.set(by, plans);
    if (digestsOf(before) !== digestsOf(plans)) this.#tell({ kind: 'held' });
  }

  reconciled(ms: number): void {
    this.onRound(ms);
  }

  #tell(said: NewRecord): void {
    for (const listener of this.#listeners) listener(said);
  }

  restart(record: RestartRecord): void {
    const before = this.restarts.get(record.workload);
    this.restarts.set(record.workload, record);
    this.#logRestart(record, before);
    this.#tell({ kind: 'restart', record });
  }

  #logRestart({ workload, changes, state, messages }: RestartRecord, before: RestartRecord | undefined): void {
    const fields = { workload, state, changes, ...(messages.length > 0 && { messages }) };
    if (state === 'restarted') this.#logger.info(fields, 'restarted');
    else if (before?.state === state && before.messages.join('\n') === messages.join('\n'))
      this.#logger.debug(fields, 'still not restarted');
    else if (state === 'waiting') this.#logger.info(fields, 'restart waits');
    else if (messages.length > 0) this.#logger.warn(fields, 'not restarted');
    else this.#logger.info(fields, 'restart not wanted any more');
  }

  #logPush({ id, state, keys, changes, messages }: PushRecord, before: PushRecord | undefined): void {
    const fields = {
      push: id,
      state,
      ...(state === 'held' && { remedy: APPROVE }),
      ...(keys !== undefined && { keys }),
      ...(changes && { changes }),
    };
    const words = messages.length > 0 && { messages };
    if (!isWell(state)) {
      const repeated =
        before?.state === state && changes === undefined && before.messages.join('\n') === messages.join('\n');
      if (repeated) this.#logger.debug({ ...fields, ...words }, 'still not pushed');
      else this.#logger.warn({ ...fields, ...words }, 'not pushed');
      return;
    }
    const recovered = before !== undefined && !isWell(before.state);
    const news = before === undefined || recovered || changes !== undefined || messages.length > 0;
    if (news) this.#logger.info({ ...fields, ...words }, recovered ? 'push recovered' : 'pushed');
    else this.#logger.debug(fields, 'nothing to push');
  }

  #logSecret({ id, state, outcome, changes, messages }: SecretRecord, before: SecretRecord | undefined): void {
    const fields = { secret: id, state, ...(state === 'held' && { remedy: APPROVE }), ...(outcome && { outcome }) };
    if (!isWell(state)) {
      const repeated = before?.state === state && before.messages.join('\n') === messages.join('\n');
      if (repeated) this.#logger.debug({ ...fields, messages }, 'still not synced');
      else this.#logger.warn({ ...fields, messages }, 'not synced');
      return;
    }
    const recovered = before !== undefined && !isWell(before.state);
    if (outcome === 'unchanged' && !recovered) this.#logger.debug(fields, 'unchanged');
    else
      this.#logger.info(
        { ...fields, ...(changes && { changes }), ...(messages.length > 0 && { messages }) },
        recovered ? 'recovered' : 'applied',
      );
  }

  #logSource(record: SourceRecord, before: SourceRecord | undefined): void {
    const { source, ok, secrets, pending, stored, stuck, error, nextMs } = record;
    const fields = {
      source,
      ...(secrets !== undefined && { secrets }),
      ...(pending !== undefined && { pending }),
      ...(stored !== undefined && { stored }),
      ...(stuck !== undefined && { stuck }),
      ...(nextMs !== undefined && { nextMs }),
    };
    if (ok) {
      if (pending !== undefined) this.#logger.debug(fields, 'source is being read');
      else if (before === undefined || before.pending !== undefined) this.#logger.info(fields, 'source read');
      else if (before.ok) this.#logger.debug(fields, 'source read');
      else this.#logger.info(fields, 'source recovered');
      return;
    }
    const repeated = before?.error?.message === error?.message;
    if (repeated) this.#logger.debug({ ...fields, error }, 'source still failing');
    else this.#logger.warn({ ...fields, error }, 'source failed');
  }
}

const APPROVE = 'hikyaku approve shows what would go, and lets it go';

function isOver(state: SecretRecord['state'] | PushRecord['state']): boolean {
  return state === 'removed' || state === 'left';
}

function digestsOf(plans: readonly HeldPlan[]): string {
  return plans.map(({ digest }) => digest).join();
}
