import { expect, test } from 'vitest';
import { defineProvider } from './provider.ts';
import { providerProblems } from './provider-problems.ts';

const good = defineProvider<unknown>({
  type: 'good',
  config: { '~standard': { version: 1, vendor: 'own', validate: (value) => ({ value }) } },
  credentials: [{ path: 'token', default: { env: 'TOKEN' } }, { path: 'headers.*' }],
  describe: () => ({ identity: 'x', origins: [] }),
  connect: () => ({ read: async () => ({ secrets: new Map() }) }),
});

test('a provider has no problems, with or without credentials, and with a schema that is a function', () => {
  const { credentials: _, ...without } = good;
  const callable = { ...good, config: Object.assign(() => {}, good.config) };
  expect([good, without, callable].flatMap(providerProblems)).toEqual([]);
});

test.each<[unknown, string]>([
  [undefined, 'a provider is an object, best made by `defineProvider`; this is not there'],
  [null, 'this is null'],
  ['doppler', 'this is a string'],
  [{ ...good, type: 7 }, '`type` must be a word, this is a number'],
  [{ ...good, type: '' }, '`type` must be a word, this is empty'],
  [{ ...good, config: { url: 'text' } }, '`config` must be a Standard Schema'],
  [{ ...good, config: undefined }, 'this is not there'],
  [{ ...good, describe: undefined }, '`describe` must be a function'],
  [{ ...good, connect: [] }, '`connect` must be a function, this is a list'],
  [{ ...good, credentials: 'token' }, '`credentials` must be a list'],
  [{ ...good, credentials: ['token'] }, '`credentials` must be a list'],
  [{ ...good, credentials: [{ path: 'a..b' }] }, '`credentials` must be a list'],
  [{ ...good, credentials: [{ path: 'token', default: 'TOKEN' }] }, '`credentials` must be a list'],
  [{ ...good, verifyNotice: true }, '`verifyNotice` must be a function where it is there, this is a boolean'],
])('of %j the author is told what was expected', (value, problem) => {
  expect(providerProblems(value)).toEqual([expect.stringContaining(problem)]);
});

test('all problems are told at once', () => {
  expect(providerProblems({})).toHaveLength(4);
});
