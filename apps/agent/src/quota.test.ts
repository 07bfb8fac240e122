import { setTimeout as delay } from 'node:timers/promises';
import type { SecretsClient, Snapshot } from '@hikyaku/core';
import { FakeClock } from '@hikyaku/core/testing';
import sakura from '@hikyaku/provider-sakura';
import { startFakeSakura } from '@hikyaku/provider-sakura/testing';
import { createContext } from '@hikyaku/provider-testing';
import { expect, test } from 'vitest';
import { RequestBudgets } from './request-budgets.ts';

const SECRETS = 100;
const REFRESH_MS = 60_000;

test('three sources of one SAKURA key never exceed a quota of 60 a minute, by its own count, in ten minutes of changes', async () => {
  const clock = new FakeClock();
  await using fake = await startFakeSakura({ clock, perMinute: 60, secretLimit: 3 * SECRETS });
  const secrets = Object.fromEntries(Array.from({ length: SECRETS }, (_, index) => [`S${index}`, `value ${index}`]));
  const vaults = [1, 2, 3].map(() => fake.addVault({ secrets }));
  await using context = createContext({ clock, credentials: { ...fake.addKey() } });
  const budgets = new RequestBudgets(clock);
  let letThrough = 0;
  const budget: typeof context.budget = async (account, perMinute, options) => {
    await budgets.take(account, perMinute, options);
    letThrough++;
  };
  const stop = new AbortController();
  const latest = new Map<string, Snapshot>();

  async function follow(vault: string, client: SecretsClient): Promise<never> {
    for (;;) {
      const previous = latest.get(vault);
      const request = { all: true, refs: [], signal: stop.signal, progress() {}, ...(previous && { previous }) };
      latest.set(vault, await client.read(request));
      await clock.sleep(REFRESH_MS, stop);
    }
  }
  const following = vaults.map(async (vault) => {
    const client = await sakura.connect(config(vault, fake.url), { ...context, budget });
    return await follow(vault, client).catch((error: unknown) => error);
  });

  for (let step = 0; step < 2_400; step++) {
    // Every 20 seconds, in each vault.
    if (step % 80 === 0) for (const vault of vaults) fake.set(vault, `S${step / 80}`, 'changed');
    await clock.advance(250);
    // What was let through arrives before the time goes on.
    do await delay(1);
    while (fake.requests.length < letThrough);
  }
  stop.abort(new Error('ten minutes are over'));
  expect(await Promise.all(following)).toEqual(vaults.map(() => stop.signal.reason));

  const { busiestMinute, throttled, errors } = fake.counters;
  expect({ throttled, errors }).toEqual({ throttled: 0, errors: 0 });
  expect(busiestMinute).toBe(60);
  for (const vault of vaults) {
    expect(latest.get(vault)?.secrets.size).toBe(SECRETS);
    expect(latest.get(vault)?.secrets.get('S20')?.value.text()).toBe('changed');
  }
}, 30_000);

function config(vault: string, url: string) {
  return { vault, url, requestsPerMinute: 60, rereadAfter: 43_200_000 };
}
