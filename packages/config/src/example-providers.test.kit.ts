import { defineProvider, ProviderError } from '@hikyaku/core';
import type { Provider } from '@hikyaku/core';
import * as z from 'zod';
import type { KnownProviders } from './known-providers.ts';

const doppler = defineProvider({
  type: 'doppler',
  config: z.strictObject({
    project: z.string().describe('The project'),
    config: z.string(),
    names: z.strictObject({ prefix: z.string().optional() }).optional(),
  }),
  credentials: [{ path: 'token', default: { env: 'DOPPLER_TOKEN' } }],
  describe: ({ project, config }) => ({ identity: `${project}/${config}`, origins: ['https://api.doppler.com'] }),
  connect: refuse,
});

const webhook = defineProvider({
  type: 'webhook',
  config: z.discriminatedUnion('protocol', [
    z.strictObject({ protocol: z.literal('hikyaku'), url: z.url() }),
    z.strictObject({ protocol: z.literal('plain'), url: z.url(), json: z.boolean().optional() }),
  ]),
  credentials: [{ path: 'headers.*' }, { path: 'login.password' }],
  describe({ url }) {
    if (url.startsWith('http:')) throw new ProviderError('INVALID_CONFIG', 'plain http is not allowed: use https');
    return { identity: url, origins: [new URL(url).origin] };
  },
  connect: refuse,
});

/** As an author outside might write it: another schema library, asynchronous, which quotes values in its messages. */
const outside: Provider<{ readonly room: string }> = {
  type: 'outside',
  config: {
    '~standard': {
      version: 1,
      vendor: 'other',
      async validate(value) {
        const room = Object.entries(value ?? {}).find(([key]) => key === 'room')?.[1];
        await Promise.resolve();
        return room === 'blue'
          ? { value: { room } }
          : { issues: [{ message: `Expected blue, got "${String(room)}"`, path: [{ key: 'room' }] }] };
      },
    },
  },
  describe: ({ room }) => ({ identity: room, origins: [] }),
  connect: refuse,
};

export const examples: ReadonlyMap<string, Provider> = new Map(
  [doppler, webhook, outside].map((provider): [string, Provider] => [provider.type, provider]),
);

export const providers = knownFrom(examples);

/** Providers that need no loading. */
export function knownFrom(byType: ReadonlyMap<string, Provider>): KnownProviders {
  return { types: [...byType.keys()], load: async (type) => byType.get(type) };
}

function refuse(): never {
  throw new Error('a config never connects');
}
