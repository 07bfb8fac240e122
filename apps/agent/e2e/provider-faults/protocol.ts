import { randomBytes } from 'node:crypto';
import { startFakeProtocol } from '@hikyaku/provider-webhook/testing';
import type { FakeProtocol, FakeProtocolFaultKind } from '@hikyaku/provider-webhook/testing';
import { FOR_GOOD, variableFor } from './trial.ts';
import type { Fault, Trial, Values } from './trial.ts';

const READ = '/v1/read';

const faults: Readonly<Record<string, Fault<FakeProtocol>>> = {
  '401': { code: 'UNAUTHENTICATED', begin: (fake) => fake.fail({ kind: '401', ...FOR_GOOD }) },
  '404-page': { code: 'NOT_FOUND', begin: (fake) => fake.fail({ kind: 'bare-404', ...FOR_GOOD }) },
  '429': { code: 'RATE_LIMITED', begin: (fake) => fake.fail({ kind: '429', retryAfter: 12, ...FOR_GOOD }) },
  '500': { code: 'UNAVAILABLE', begin: (fake) => fake.fail({ kind: '500', ...FOR_GOOD }) },
  pending: { code: 'PENDING', begin: (fake) => fake.fail({ kind: 'pending', path: READ, ...FOR_GOOD }) },
  reset: { code: 'UNAVAILABLE', begin: (fake) => fake.fail({ kind: 'reset', ...FOR_GOOD }) },
  truncate: { code: 'UNAVAILABLE', begin: (fake) => fake.fail({ kind: 'truncate', path: READ, ...FOR_GOOD }) },
  'half-json': spoiledBy('half-json'),
  empty: spoiledBy('empty'),
  'not-complete': spoiledBy('not-complete'),
  'no-secrets': spoiledBy('no-secrets'),
  'plain-text': spoiledBy('plain-text'),
  'one-forbidden': { code: 'FORBIDDEN', begin: (fake) => fake.setUnreadable('FIRST', { code: 'FORBIDDEN' }) },
};

function spoiledBy(kind: FakeProtocolFaultKind): Fault<FakeProtocol> {
  return { code: 'INVALID_RESPONSE', begin: (fake) => fake.fail({ kind, path: READ, ...FOR_GOOD }) };
}

/** A service that speaks the hikyaku protocol for each. */
export async function protocolTrials(values: Values): Promise<readonly Trial[]> {
  return await Promise.all(
    Object.entries(faults).map(async ([fault, { code, begin }]): Promise<Trial> => {
      const name = `protocol-${fault}`;
      const token = randomBytes(24).toString('hex');
      const fake = await startFakeProtocol({ token, secrets: { ...values } });
      const variable = variableFor(name);
      return {
        name,
        code,
        settings: {
          type: 'webhook',
          protocol: 'hikyaku',
          url: fake.url,
          token: { env: variable },
          requestsPerMinute: 600,
        },
        env: { [variable]: token },
        credentials: [token],
        async begin({ FIRST }) {
          await begin(fake);
          fake.set('FIRST', FIRST);
        },
        end: () => fake.recover(),
        [Symbol.asyncDispose]: () => fake.close(),
      };
    }),
  );
}
