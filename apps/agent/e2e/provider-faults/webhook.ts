import { randomBytes } from 'node:crypto';
import { startFakeService } from '@hikyaku/provider-webhook/testing';
import type { FakeService } from '@hikyaku/provider-webhook/testing';
import { FOR_GOOD, variableFor } from './trial.ts';
import type { Fault, Trial, Values } from './trial.ts';

/** Everything in one answer. */
const AT_ONCE = {
  readAll: {
    url: '/secrets',
    result: '$.items',
    name: '$.name',
    value: '$.base64',
    version: '$.version',
    decode: 'base64',
    total: '$.total',
  },
};
/** The names, and then each. */
const ONE_BY_ONE = {
  list: { url: '/names', name: '$.name' },
  read: { url: '/secrets/${name}', result: '$.data.value' },
};

const faults: Readonly<Record<string, Fault<FakeService> & { readonly operations?: object }>> = {
  '401': { code: 'UNAUTHENTICATED', begin: (fake) => fake.fail({ kind: 401, ...FOR_GOOD }) },
  '403': { code: 'FORBIDDEN', begin: (fake) => fake.fail({ kind: 403, ...FOR_GOOD }) },
  '404': { code: 'NOT_FOUND', begin: (fake) => fake.fail({ kind: 404, ...FOR_GOOD }) },
  '429': { code: 'RATE_LIMITED', begin: (fake) => fake.fail({ kind: 429, retryAfter: 12, ...FOR_GOOD }) },
  '502-page': { code: 'UNAVAILABLE', begin: (fake) => fake.fail({ kind: '502-html', ...FOR_GOOD }) },
  redirect: {
    code: 'FORBIDDEN',
    begin: (fake) => fake.fail({ kind: 'redirect', location: 'https://login.example.com/', ...FOR_GOOD }),
  },
  hang: { code: 'UNAVAILABLE', begin: (fake) => fake.fail({ kind: 'hang', ...FOR_GOOD }) },
  reset: { code: 'UNAVAILABLE', begin: (fake) => fake.fail({ kind: 'reset', ...FOR_GOOD }) },
  truncate: { code: 'UNAVAILABLE', begin: (fake) => fake.fail({ kind: 'truncate', ...FOR_GOOD }) },
  slow: { code: 'UNAVAILABLE', begin: (fake) => fake.fail({ kind: 'slow', delayMs: 300, ...FOR_GOOD }) },
  'half-json': { code: 'INVALID_RESPONSE', begin: (fake) => fake.fail({ kind: 'half-json', ...FOR_GOOD }) },
  'wrong-type': { code: 'INVALID_RESPONSE', begin: (fake) => fake.fail({ kind: 'wrong-type', ...FOR_GOOD }) },
  'short-list': { code: 'INVALID_RESPONSE', begin: (fake) => fake.fail({ kind: 'short-list', ...FOR_GOOD }) },
  'one-unreadable': {
    code: 'UNAVAILABLE',
    operations: ONE_BY_ONE,
    begin: (fake) => fake.setUnreadable('FIRST'),
  },
  'one-is-a-page': {
    code: 'INVALID_RESPONSE',
    operations: ONE_BY_ONE,
    begin: (fake) => fake.fail({ kind: 'not-json', path: '/api/secrets/FIRST', ...FOR_GOOD }),
  },
};

/** A REST service for each, described by templates. */
export async function webhookTrials(values: Values): Promise<readonly Trial[]> {
  return await Promise.all(
    Object.entries(faults).map(async ([fault, { code, begin, operations = AT_ONCE }]): Promise<Trial> => {
      const name = `webhook-${fault}`;
      const token = randomBytes(24).toString('hex');
      const fake = await startFakeService({
        secrets: { ...values },
        access: ({ authorization }) => authorization === `Bearer ${token}`,
      });
      const variable = variableFor(name);
      return {
        name,
        code,
        settings: { type: 'webhook', url: fake.url, token: { env: variable }, timeout: '1s', ...operations },
        env: { [variable]: token },
        credentials: [token],
        async begin({ FIRST }) {
          fake.set('FIRST', FIRST);
          await begin(fake);
        },
        end: () => fake.recover(),
        [Symbol.asyncDispose]: () => fake.close(),
      };
    }),
  );
}
