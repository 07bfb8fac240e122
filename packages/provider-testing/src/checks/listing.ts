import { isProviderError } from '@hikyaku/core';
import type { Claim } from '../check.ts';
import { ContractFailure } from '../contract-failure.ts';
import { describeError } from '../describe.ts';
import { failures, FAULTS } from '../faults.ts';

const contract = '`SecretsClient.list` in @hikyaku/core: names and versions, no values';

/** The names alone. */
export const listing: readonly Claim[] = [
  {
    title: 'list: it has what is there',
    needs: ['list'],
    contract,
    async run(trial) {
      const listed = (await (await trial.connect()).list()).map(({ name }) => name);
      const wanted = (await trial.fixture.all?.()) ?? [trial.present.name];
      const missing = wanted.filter((name) => !listed.includes(name));
      const extra = trial.fixture.all === undefined ? [] : listed.filter((name) => !wanted.includes(name));
      if (missing.length === 0 && extra.length === 0 && new Set(listed).size === listed.length) return;
      throw new ContractFailure({
        got: `${listed.length} names; missing: ${missing.join(', ') || 'none'}; not there: ${extra.join(', ') || 'none'}; twice: ${listed.length - new Set(listed).size}`,
        expected: 'each name once',
      });
    },
  },
  {
    title: 'list: its versions are those of a read',
    needs: ['list'],
    contract: '`SecretInfo.version` in @hikyaku/core: what `ifVersion` of a write compares',
    async run(trial) {
      const { name } = trial.present;
      const connection = await trial.connect();
      const listed = (await connection.list()).find((info) => info.name === name)?.version;
      const read = (await connection.readNames([name])).secrets.get(name)?.version;
      if (listed === undefined || read === undefined || listed === read) return;
      throw new ContractFailure({
        got: `'${name}' has version '${listed}' in the list and '${read}' in a read`,
        expected: 'the same version in both',
      });
    },
  },
  {
    title: 'list: it has names and versions, and nothing else',
    needs: ['list'],
    contract,
    async run(trial) {
      const listed = await (await trial.connect()).list();
      const others = new Set(
        listed.flatMap((info) => Object.keys(info)).filter((key) => key !== 'name' && key !== 'version'),
      );
      if (others.size === 0) return;
      throw new ContractFailure({ got: `also ${[...others].join(', ')}`, expected: 'objects of `name` and `version`' });
    },
  },
  ...failures.map((fault): Claim => ({
    title: `list: ${FAULTS[fault].text} is an error, not a shorter list`,
    needs: ['list', `faults.${fault}`],
    contract: `${contract}; it rejects with a ProviderError when it cannot tell them all`,
    async run(trial) {
      const connection = await trial.connect();
      await trial.begin(fault);
      const outcome = await connection.tryList();
      if ('error' in outcome && isProviderError(outcome.error) && FAULTS[fault].codes.includes(outcome.error.code))
        return;
      throw new ContractFailure({
        got:
          'value' in outcome
            ? `a list of ${outcome.value.length} names`
            : `it rejected with ${describeError(outcome.error)}`,
        expected: `a rejection with ${FAULTS[fault].codes.join(' or ')}`,
      });
    },
  })),
];
