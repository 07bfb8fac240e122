import type { LogFields, Logger } from '@hikyaku/core';
import { beforeEach, expect, test } from 'vitest';
import { ChangedWords } from './changed-words.ts';

let said: string[];
let words: ChangedWords;

beforeEach(() => {
  said = [];
  const say = (fields: LogFields, message: string) => void said.push(`${message} ${JSON.stringify(fields)}`);
  const logger: Logger = { trace: say, debug: say, info: say, warn: say, error: say };
  words = new ChangedWords(logger);
});

test('a warning that the look before has given is not given again, and comes back after it was away', () => {
  for (const where of ['here', 'here', undefined, 'here']) {
    words.next();
    if (where !== undefined) words.logger.warn({ where }, 'missing');
  }
  expect(said).toEqual(['missing {"where":"here"}', 'missing {"where":"here"}']);
});

test('another one is', () => {
  for (const where of ['here', 'there']) {
    words.next();
    words.logger.error({ where }, 'missing');
    words.logger.info({}, 'looked');
  }
  expect(said).toEqual(['missing {"where":"here"}', 'looked {}', 'missing {"where":"there"}', 'looked {}']);
});
