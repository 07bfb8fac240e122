import { ContractFailure } from '../contract-failure.ts';
import type { Claim } from '../check.ts';
import type { Trial } from '../trial.ts';

const contract = '`SourceDescription.origins` in @hikyaku/core: the only origins that requests may reach';

/** Where requests go. */
export const origins: readonly Claim[] = [
  {
    title: 'origins: requests go only to the origins of describe',
    contract,
    async run(trial) {
      await readInAllWays(trial);
      expectKnownOrigins(trial);
    },
  },
  {
    title: 'origins: every request goes through the dispatcher of the context',
    needs: ['requests'],
    contract:
      '`ProviderContext.dispatcher` in @hikyaku/core: it holds requests to the origins, proxies and certificates',
    async run(trial) {
      const before = trial.fixture.requests?.() ?? 0;
      await readInAllWays(trial);
      const received = (trial.fixture.requests?.() ?? 0) - before;
      const sent = trial.connections.reduce((sum, { context }) => sum + context.requests.length, 0);
      if (received <= sent) return;
      throw new ContractFailure({
        got: `the service has received ${received} requests, and ${sent} went through \`context.dispatcher\``,
        expected:
          'all of them: give `dispatcher` to undici, and use no global fetch and no client with sockets of its own',
      });
    },
  },
  {
    title: 'origins: a redirect to another origin is not followed',
    needs: ['faults.redirect'],
    contract: `${contract}; a credential follows no redirect`,
    async run(trial) {
      const trap = await trial.openTrap();
      const connection = await trial.connect();
      await trial.begin('redirect');
      await connection.tryRead({ refs: [{ name: trial.present.name }] });
      if (trial.fixture.all !== undefined) await connection.tryRead({ all: true });
      expectKnownOrigins(trial);
      if (trap.requests === 0) return;
      throw new ContractFailure({
        got: `${trap.requests} requests followed the redirect, past the dispatcher`,
        expected: 'an error, INVALID_RESPONSE: nobody asked for another address',
      });
    },
  },
];

async function readInAllWays(trial: Trial): Promise<void> {
  const connection = await trial.connect();
  const previous = await connection.readNames([trial.present.name, trial.spare(0)]);
  await connection.readNames([trial.present.name, trial.spare(0)], previous);
  await connection.tryRead({ all: true });
  await connection.tryList();
}

function expectKnownOrigins({ connections }: Trial): void {
  for (const { context, description } of connections) {
    const allowed = description.origins.map((origin) => new URL(origin).origin);
    const foreign = context.requests.map(({ origin }) => origin).find((origin) => !allowed.includes(origin));
    if (foreign === undefined) continue;
    throw new ContractFailure({
      got: `a request to ${foreign}`,
      expected: `only to ${description.origins.join(', ') || 'nobody: `origins` is empty'}`,
    });
  }
}
