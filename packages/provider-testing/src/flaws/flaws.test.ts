import { ProviderError } from '@hikyaku/core';
import { expect, test } from 'vitest';
import type { CheckResult } from '../check.ts';
import type { Fixture } from '../fixture.ts';
import { changeClient } from './flaw.test.kit.ts';
import type { Flaw, MemoryProvider } from './flaw.test.kit.ts';
import { flawsOfFailures } from './flaws-of-failures.test.kit.ts';
import { flawsOfMemory } from './flaws-of-memory.test.kit.ts';
import { flawsOfObjects } from './flaws-of-objects.test.kit.ts';
import { flawsOfReading } from './flaws-of-reading.test.kit.ts';
import { flawsOfWriting } from './flaws-of-writing.test.kit.ts';
import { openMemory } from '../memory/memory-fixture.test.kit.ts';
import { memory } from '../memory/memory-provider.test.kit.ts';
import { collectChecks, runChecks } from '../run-checks.ts';

const flaws = [...flawsOfObjects, ...flawsOfReading, ...flawsOfMemory, ...flawsOfFailures, ...flawsOfWriting];
const titles = collectChecks(memory, openMemory).map(({ title }) => title);

/** The titles of the checks that these flaws must fail, in the order of the suite. */
function titlesOf(some: readonly Flaw[]): readonly string[] {
  const patterns = some.flatMap(({ fails }) => fails);
  return titles.filter((title) =>
    patterns.some((pattern) => (typeof pattern === 'string' ? pattern === title : pattern.test(title))),
  );
}

async function openQuickly(): Promise<Fixture> {
  return { ...(await openMemory()), patienceMs: 1500 };
}

/** The titles of the checks that fail, of some or of all. */
async function failuresOf(provider: MemoryProvider, among: readonly string[] = titles): Promise<readonly string[]> {
  const results: CheckResult[] = [];
  for (const check of collectChecks(provider, openQuickly))
    if (among.includes(check.title)) results.push(await check.run());
  return results.filter(({ outcome }) => outcome === 'failed').map(({ title }) => title);
}

test.each(flaws.map((flaw) => [flaw.name, flaw] as const))(
  'a provider that %s is caught',
  async (_, flaw) => {
    const expected = titlesOf([flaw]);
    expect(expected.length).toBeGreaterThanOrEqual(flaw.fails.length);
    expect(await failuresOf(flaw.make(memory), expected)).toEqual(expected);
  },
  20_000,
);

// One flaw at a time would take minutes: several at once may fail their own checks and no others.
const GROUPS = 6;
test.each(Array.from({ length: GROUPS }, (_, number) => [number + 1]))(
  'no other check fails because of them: group %i',
  async (number) => {
    const group = flaws.filter((_, index) => index % GROUPS === number - 1);
    const provider = group.reduce((made, { make }) => make(made), memory);
    const [failed, expected] = [await failuresOf(provider), titlesOf(group)];
    expect({
      besides: failed.filter((title) => !expected.includes(title)),
      missed: expected.filter((title) => !failed.includes(title)),
    }).toEqual({ besides: [], missed: [] });
  },
  30_000,
);

const cannotList = 'reading: everything is read, or refused with UNSUPPORTED';

test('a provider that cannot list, and says something else, is caught', async () => {
  const flawed = changeClient((client) => ({
    async read(request) {
      if (request.all) throw new ProviderError('NOT_FOUND', 'there is no everything');
      return client.read(request);
    },
  }))(memory);
  const failed: string[] = [];
  const { config, credentials = {}, present, ...fixture } = await openMemory();
  for await (const { outcome, title } of runChecks(flawed, { config, credentials, present }))
    if (outcome === 'failed') failed.push(title);
  await fixture[Symbol.asyncDispose]?.();
  expect(failed).toEqual([cannotList]);
});

test('every check has a provider that it catches', () => {
  const caught = [...titlesOf(flaws), cannotList];
  expect(titles.filter((title) => !caught.includes(title))).toEqual([]);
});
