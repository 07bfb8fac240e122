import { inspect, isDeepStrictEqual } from 'node:util';
import type { Provider } from '@hikyaku/core';
import type { Claim } from '../check.ts';
import { ContractFailure } from '../contract-failure.ts';
import type { Trial } from '../trial.ts';

const UNKNOWN_WORD = 'hikyakuNoSuchWord';

/** The provider object itself, before anything is connected. */
export const providerObject: readonly Claim[] = [
  {
    title: 'provider: it has all that the agent looks for',
    contract:
      '`Provider` in @hikyaku/core: type, config, describe and connect; credentials are `{ path, default?: { env } }`',
    async run(trial) {
      const problems = problemsOf(trial.provider);
      if (problems.length === 0) return;
      throw new ContractFailure({
        got: problems.join('; '),
        expected: 'an object made by `defineProvider`, as the default export of its package',
      });
    },
  },
  {
    title: 'provider: an unknown word in the config is an error that names it',
    contract: '`Provider.config` in @hikyaku/core: a strict object, so that a mistyped word is an error',
    async run(trial) {
      const issues = await issuesOf(trial, { ...trial.fixture.config, [UNKNOWN_WORD]: true });
      if (issues.some((text) => text.includes(UNKNOWN_WORD))) return;
      throw new ContractFailure({
        got:
          issues.length === 0
            ? 'a config with an unknown word was taken'
            : 'an error that does not name the unknown word',
        expected: 'an issue with the word in its path or message. With zod: z.strictObject',
      });
    },
  },
  {
    title: 'provider: what is no config at all is an error, not a crash',
    contract: 'Standard Schema: `validate` returns issues and does not throw',
    async run(trial) {
      for (const value of [undefined, null, 'text', 7, []]) {
        if ((await issuesOf(trial, value)).length > 0) continue;
        const got = `${value === undefined ? 'undefined' : JSON.stringify(value)} was taken for a config`;
        throw new ContractFailure({ got, expected: 'issues' });
      }
    },
  },
  {
    title: 'provider: describe is pure',
    contract: '`Provider.describe` in @hikyaku/core: pure; the same config gives the same description',
    async run(trial) {
      const config = await trial.parseConfig();
      const before = printed(config);
      const [first, second] = [trial.provider.describe(config), trial.provider.describe(config)];
      if (!isDeepStrictEqual(first, second))
        throw new ContractFailure({ got: 'two descriptions of one config differ', expected: 'the same twice' });
      if (printed(config) !== before)
        throw new ContractFailure({ got: 'describe changed the config', expected: 'a config that stays as it was' });
    },
  },
  {
    title: 'provider: describe gives an identity and bare origins',
    contract: '`SourceDescription` in @hikyaku/core: which data this is, and `https://host[:port]` for each origin',
    async run(trial) {
      const { identity, origins } = trial.provider.describe(await trial.parseConfig());
      if (typeof identity !== 'string' || identity === '') {
        throw new ContractFailure({
          got: '`identity` is no text, or an empty one',
          expected: 'a text that differs for other data: stored snapshots are dropped when it changes',
        });
      }
      for (const origin of origins) {
        if (/^https?:/.test(origin) && URL.parse(origin)?.origin === origin) continue;
        throw new ContractFailure({
          got: `the origin '${origin}'`,
          expected: 'scheme, host and port, without path and without a slash at the end: `new URL(url).origin`',
        });
      }
    },
  },
  {
    title: 'provider: connect sends no request',
    contract:
      '`Provider.connect` in @hikyaku/core: sends no request yet, so that a service that is down keeps no other from starting',
    async run(trial) {
      const before = trial.fixture.requests?.() ?? 0;
      const { context } = await trial.connect();
      const sent = Math.max(context.requests.length, (trial.fixture.requests?.() ?? 0) - before);
      if (sent > 0)
        throw new ContractFailure({ got: `${sent} requests while connecting`, expected: 'none before the first read' });
    },
  },
];

/** A config may hold objects of classes and functions, which nothing can copy. */
function printed(config: unknown): string {
  return inspect(config, { depth: null, showHidden: true, maxArrayLength: null, maxStringLength: null });
}

function problemsOf(provider: Provider): readonly string[] {
  const { type, config, credentials = [] } = provider;
  const schema: unknown = config?.['~standard'];
  const problems: string[] = [];
  if (typeof type !== 'string' || type === '') problems.push('`type` is no text, or an empty one');
  if (typeof schema !== 'object' || schema === null) problems.push('`config` is no Standard Schema');
  if (typeof provider.describe !== 'function') problems.push('`describe` is no function');
  if (typeof provider.connect !== 'function') problems.push('`connect` is no function');
  for (const { path, default: fallback } of credentials) {
    if (typeof path !== 'string' || path === '') problems.push('a credential without `path`');
    else if (fallback !== undefined && !/^[A-Za-z_]\w*$/.test(fallback.env))
      problems.push(`the default of credential '${path}' names no environment variable`);
  }
  return problems;
}

async function issuesOf({ provider: { config } }: Trial, value: unknown): Promise<readonly string[]> {
  const { issues = [] } = await config['~standard'].validate(value);
  return issues.map(({ message, path = [] }) =>
    [...path.map((part) => String(typeof part === 'object' ? part.key : part)), message].join(' '),
  );
}
