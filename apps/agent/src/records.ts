import type { Logger } from '@hikyaku/core';
import { isWell } from '@hikyaku/engine';
import type { PushRecord, Report, SecretRecord, SourceRecord } from '@hikyaku/engine';

/** The latest record of each Secret, source and push; logs what a person would want to know, once. */
export class Records implements Report {
  readonly secrets = new Map<string, SecretRecord>();
  readonly sources = new Map<string, SourceRecord>();
  readonly pushes = new Map<string, PushRecord>();
  readonly #logger: Logger;
  readonly #onRecord: () => void;

  constructor(logger: Logger, onRecord: () => void = () => {}) {
    this.#logger = logger;
    this.#onRecord = onRecord;
  }

  get hasFailedSource(): boolean {
    return [...this.sources.values()].some(({ ok }) => !ok);
  }

  secret(record: SecretRecord): void {
    const before = this.secrets.get(record.id);
    this.secrets.set(record.id, record);
    this.#logSecret(record, before);
    this.#onRecord();
  }

  source(record: SourceRecord): void {
    const before = this.sources.get(record.source);
    this.sources.set(record.source, record);
    this.#logSource(record, before);
    this.#onRecord();
  }

  push(record: PushRecord): void {
    const before = this.pushes.get(record.id);
    this.pushes.set(record.id, record);
    this.#logPush(record, before);
    this.#onRecord();
  }

  #logPush({ id, state, keys, changes, messages }: PushRecord, before: PushRecord | undefined): void {
    const fields = { push: id, state, ...(keys !== undefined && { keys }), ...(changes && { changes }) };
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
    const fields = { secret: id, state, ...(outcome && { outcome }) };
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
