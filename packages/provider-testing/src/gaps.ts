import type { Provider } from '@hikyaku/core';
import { claims } from './checks/index.ts';
import { ContractFailure } from './contract-failure.ts';
import type { Need, Setup } from './fixture.ts';
import { absenceOf } from './needs.ts';
import type { SuiteOptions, Without } from './run-checks.ts';
import { Trial } from './trial.ts';

/** Something that is missing, so that checks are left out. */
export interface Gap {
  readonly need: Need;
  readonly reason: string;
}

/** What is missing. Throws when something is there that `without` says cannot be. */
export async function findGaps(
  provider: Provider,
  setup: Setup,
  { without = {} }: SuiteOptions,
): Promise<readonly Gap[]> {
  await using trial = await Trial.open(provider, setup);
  const gaps: Gap[] = [];
  for (const need of needsOfAll(without)) {
    const declared = without[need];
    if (!(await trial.has(need))) {
      gaps.push({ need, reason: declared ?? absenceOf(need) });
    } else if (declared !== undefined) {
      throw new ContractFailure({
        got: `\`without\` says that there is no \`${need}\` (${declared}), and it is there`,
        expected: 'to check it: take it out of `without`',
      });
    }
  }
  return gaps;
}

/** A line for each reason. */
export function gapsText({ type }: Provider, gaps: readonly Gap[]): string {
  const byReason = Map.groupBy(gaps, ({ reason }) => reason);
  const lines = [...byReason].map(
    ([reason, ofReason]) => `  ${ofReason.map(({ need }) => need).join(', ')}: ${reason}`,
  );
  return [`Checks of ${type} that were left out, by what they need:`, ...lines].join('\n');
}

function needsOfAll(without: Without): ReadonlySet<Need> {
  const needs = [...claims.flatMap((claim) => claim.needs ?? []), ...(Object.keys(without) as Need[])];
  return new Set(needs.filter((need) => without.faults === undefined || !need.startsWith('faults.')));
}
