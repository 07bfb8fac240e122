import type { Snapshot } from '@hikyaku/core';
import { changeClient, changeSnapshots } from './flaw.test.kit.ts';
import type { Flaw, MemoryProvider } from './flaw.test.kit.ts';

function changeConfig(
  change: (value: unknown, provider: MemoryProvider) => ReturnType<MemoryProvider['config']['~standard']['validate']>,
): Flaw['make'] {
  return (provider) => ({
    ...provider,
    config: { '~standard': { ...provider.config['~standard'], validate: (value) => change(value, provider) } },
  });
}

/** Mistakes in the provider object, and in what it prints. */
export const flawsOfObjects: readonly Flaw[] = [
  {
    name: 'has a credential without a path',
    fails: ['provider: it has all that the agent looks for'],
    make: (provider) => ({ ...provider, credentials: [...(provider.credentials ?? []), { path: '' }] }),
  },
  {
    name: 'takes any word in its config',
    fails: ['provider: an unknown word in the config is an error that names it'],
    make: changeConfig((value, { config }) => {
      const { url } = Object(value);
      return config['~standard'].validate(typeof url === 'string' ? { url } : value);
    }),
  },
  {
    name: 'takes nothing for a config',
    fails: ['provider: what is no config at all is an error, not a crash'],
    make: changeConfig((value, { config }) =>
      value === null ? { value: { url: 'http://127.0.0.1:1' } } : config['~standard'].validate(value),
    ),
  },
  {
    name: 'describes itself differently each time',
    fails: ['provider: describe is pure'],
    make: (provider) => {
      let count = 0;
      return {
        ...provider,
        describe(config) {
          const { identity, ...others } = provider.describe(config);
          return { ...others, identity: `${identity} ${++count}` };
        },
      };
    },
  },
  {
    name: 'has an origin with a path',
    fails: ['provider: describe gives an identity and bare origins'],
    make: (provider) => ({
      ...provider,
      describe(config) {
        const { origins, ...others } = provider.describe(config);
        return { ...others, origins: origins.map((origin) => `${origin}/v1`) };
      },
    }),
  },
  {
    name: 'sends a request to see whether the service is there',
    fails: ['provider: connect sends no request'],
    make: (provider) => ({
      ...provider,
      async connect(config, context) {
        const client = await provider.connect(config, context);
        await client.list?.({ signal: new AbortController().signal }).catch(() => {});
        return client;
      },
    }),
  },
  {
    name: 'takes the value for the revision',
    fails: ['secrecy: a snapshot prints no value'],
    make: changeSnapshots((snapshot: Snapshot, { refs, previous }) => {
      const text =
        refs.length === 1 && previous === undefined ? snapshot.secrets.get('GREETING')?.value.text() : undefined;
      return text === undefined ? snapshot : { ...snapshot, revision: text };
    }),
  },
  {
    name: 'has its token in the identity',
    fails: ['secrecy: the description holds no credential'],
    make: (provider) => ({
      ...provider,
      describe(config) {
        const { identity, ...others } = provider.describe(config);
        return { ...others, identity: `${identity} token-0123456789` };
      },
    }),
  },
  {
    name: 'logs what it reads',
    fails: ['secrecy: while all is well, the log holds no value and no credential'],
    make: changeClient((client, { logger }) => ({
      async read(request) {
        const snapshot = await client.read(request);
        if (request.all) logger.debug({ first: snapshot.secrets.get('GREETING')?.value.text() }, 'read');
        return snapshot;
      },
    })),
  },
];
