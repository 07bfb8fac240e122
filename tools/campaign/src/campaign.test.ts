import { expect, test } from 'vitest';
import { campaign } from './campaign.ts';
import { Random } from './random.ts';

/** `CAMPAIGN_SEED` runs one again. */
const seed = Number(process.env['CAMPAIGN_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const MINUTES = 5;

test(
  `${MINUTES} minutes of faults lose, empty and touch nothing that they should not, and all is right in the end`,
  { timeout: (MINUTES + 10) * 60_000 },
  async () => {
    const say = (line: string) => process.stdout.write(`${line}\n`);
    const replicas = 1 + (seed % 2);
    say(`campaign: seed ${seed}, ${replicas} ${replicas === 1 ? 'replica' : 'replicas'}`);
    const { violations, output, calms, faults } = await campaign({ seed, minutes: MINUTES, replicas, say });
    if (violations.length > 0) say(output.slice(-20_000));
    expect(violations).toEqual([]);
    expect(calms).toBeGreaterThan(2);
    expect(faults.size).toBeGreaterThan(8);
  },
);

test('a seed decides what happens', () => {
  const numbers = (from: number) => {
    const random = new Random(from);
    return Array.from({ length: 100 }, () => random.between(1, 1_000));
  };
  expect(numbers(7)).toEqual(numbers(7));
  expect(numbers(7)).not.toEqual(numbers(8));
  expect(new Set(numbers(7)).size).toBeGreaterThan(80);
});
