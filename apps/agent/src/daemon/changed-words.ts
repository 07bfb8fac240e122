import type { LogFields, Logger } from '@hikyaku/core';

/** For what is looked at again and again: of warnings and errors only those come through that the look before has not given. */
export class ChangedWords {
  readonly logger: Logger;
  #before: ReadonlySet<string> = new Set();
  #now = new Set<string>();

  constructor(logger: Logger) {
    const isNew = (fields: LogFields, message: string) => {
      const word = JSON.stringify([message, fields]);
      this.#now.add(word);
      return !this.#before.has(word);
    };
    this.logger = {
      trace: (fields, message) => logger.trace(fields, message),
      debug: (fields, message) => logger.debug(fields, message),
      info: (fields, message) => logger.info(fields, message),
      warn: (fields, message) => isNew(fields, message) && logger.warn(fields, message),
      error: (fields, message) => isNew(fields, message) && logger.error(fields, message),
    };
  }

  /** Another look begins. */
  next(): void {
    this.#before = this.#now;
    this.#now = new Set();
  }
}
