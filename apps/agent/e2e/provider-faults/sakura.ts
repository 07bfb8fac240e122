import { startFakeSakura } from '@hikyaku/provider-sakura/testing';
import type { FakeSakura } from '@hikyaku/provider-sakura/testing';
import { FOR_GOOD, variableFor } from './trial.ts';
import type { Fault, Trial, Values } from './trial.ts';

interface Place {
  readonly fake: FakeSakura;
  readonly vault: string;
}

const faults: Readonly<Record<string, Fault<Place>>> = {
  '401': { code: 'UNAUTHENTICATED', begin: ({ fake }) => fake.fail({ kind: 'status', status: 401, ...FOR_GOOD }) },
  '403': {
    code: 'FORBIDDEN',
    begin: ({ fake }) => fake.fail({ kind: 'status', status: 403, on: 'list', ...FOR_GOOD }),
  },
  '429': {
    code: 'RATE_LIMITED',
    begin: ({ fake }) => fake.fail({ kind: 'status', status: 429, retryAfter: 12, ...FOR_GOOD }),
  },
  '503-page': { code: 'UNAVAILABLE', begin: ({ fake }) => fake.fail({ kind: 'page', status: 503, ...FOR_GOOD }) },
  'vault-gone': {
    code: 'NOT_FOUND',
    begin: ({ fake, vault }) => fake.removeVault(vault),
    end: ({ fake, vault }) => fake.restoreVault(vault),
  },
  'key-gone': {
    code: 'FORBIDDEN',
    begin: ({ fake, vault }) => fake.deleteKmsKey(vault),
    end: ({ fake, vault }) => fake.restoreKmsKey(vault),
  },
  hang: { code: 'UNAVAILABLE', begin: ({ fake }) => fake.fail({ kind: 'hang', on: 'list', ...FOR_GOOD }) },
  reset: { code: 'UNAVAILABLE', begin: ({ fake }) => fake.fail({ kind: 'reset', on: 'unveil', ...FOR_GOOD }) },
  truncate: { code: 'UNAVAILABLE', begin: ({ fake }) => fake.fail({ kind: 'truncate', ...FOR_GOOD }) },
  slow: {
    code: 'UNAVAILABLE',
    begin: ({ fake }) => fake.fail({ kind: 'slow', on: 'unveil', delayMs: 1_500, ...FOR_GOOD }),
  },
  'wrong-types': { code: 'INVALID_RESPONSE', begin: ({ fake }) => fake.fail({ kind: 'wrong-types', ...FOR_GOOD }) },
  'short-list': {
    code: 'INVALID_RESPONSE',
    begin: ({ fake }) => fake.fail({ kind: 'short-list', on: 'list', ...FOR_GOOD }),
  },
};

/** A SAKURA Cloud for each. */
export async function sakuraTrials(values: Values): Promise<readonly Trial[]> {
  return await Promise.all(
    Object.entries(faults).map(async ([fault, { code, begin, end }]): Promise<Trial> => {
      const name = `sakura-${fault}`;
      const fake = await startFakeSakura({ perMinute: 1_000 });
      const vault = fake.addVault({ secrets: { ...values } });
      const { accessToken, accessTokenSecret } = fake.addKey();
      const variable = variableFor(name);
      return {
        name,
        code,
        settings: {
          type: 'sakura',
          url: fake.url,
          vault,
          accessToken: { env: variable },
          accessTokenSecret: { env: `${variable}_SECRET` },
          requestsPerMinute: 100,
        },
        env: { [variable]: accessToken, [`${variable}_SECRET`]: accessTokenSecret },
        credentials: [accessToken, accessTokenSecret],
        async begin({ FIRST }) {
          fake.set(vault, 'FIRST', FIRST);
          await begin({ fake, vault });
        },
        async end() {
          fake.clearFaults();
          await end?.({ fake, vault });
        },
        [Symbol.asyncDispose]: () => fake.close(),
      };
    }),
  );
}
