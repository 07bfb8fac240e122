import { setTimeout as sleep } from 'node:timers/promises';
import { createNamespace, field, hikyaku } from '@hikyaku/testbed';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { World } from './faults-seen-world.test.kit.ts';
import { ALL, configOf, NAMESPACE, problemsOf, WAVES } from './faults-seen.test.kit.ts';
import type { Fault } from './faults-seen.test.kit.ts';
import { SURFACES } from './seen.test.kit.ts';
import type { Look } from './seen.test.kit.ts';

// Whatever goes wrong: all places where a person looks tell the same of it, and that it is over. One agent as in a Pod, on a real API server.

let world: World;

beforeAll(async () => {
  world = await World.start();
  await createNamespace(world.admin, NAMESPACE);
  await world.writeFile('token', world.token('the token', world.doppler.serviceAccountToken()));
  await world.configure(await configOf(ALL, world));
  const { stdout } = await hikyaku(['grants', '--config', world.path('hikyaku.yaml')]);
  world.grants.plugins = field(parse(stdout), 'plugins');
  world.grants.names = ALL.flatMap(({ name, thing, entry }) =>
    entry === undefined || name === 'name-not-granted'
      ? []
      : [thing.kind === 'secret' ? thing.name : `${NAMESPACE}/${name}`],
  ).join(', ');
  await world.grant();
  for (const { before } of ALL) await before?.(world);
  await world.run();
  for (const { name, thing, begin, entry } of ALL)
    if (begin !== undefined && entry !== undefined && !thing.name.startsWith('later/'))
      await world.agent.logged({ secret: `${NAMESPACE}/${name}`, msg: 'applied' }, { timeoutMs: 120_000 });
}, 600_000);

afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
});

describe.each(WAVES)('$title', ({ faults }) => {
  let during: Look;
  let after: Look;

  beforeAll(async () => {
    await Promise.all(faults.map(async ({ begin }) => await begin?.(world)));
    during = await lookUntil(faults, false);
    // Whatever waits for its turn has it now.
    const passing = setInterval(() => world.timePasses(), 5_000);
    await Promise.all(faults.map(async ({ end }) => await end?.(world))).finally(() => clearInterval(passing));
    await world.grant();
    await world.configure(await configOf(ALL, world, { corrected: true }));
    after = await lookUntil(faults, true);
  }, 600_000);

  test.each(faults)('$name: all say so, of which thing, and what to do', (fault) => {
    expect(saidWrong(fault, during, false)).toEqual([]);
  });

  test.each(faults)('$name is over: all say so', (fault) => {
    expect(saidWrong(fault, after, true)).toEqual([]);
  });

  test('no value and no token is in any of it', () => {
    for (const look of [during, after])
      for (const [where, text] of Object.entries(look)) expect(world.leaks.find(text, where)).toEqual([]);
  });
});

/** As soon as all say what they should, or after a while. */
async function lookUntil(faults: readonly Fault[], isOver: boolean): Promise<Look> {
  const end = Date.now() + 120_000;
  for (;;) {
    const look = await world.look();
    if (faults.every((fault) => saidWrong(fault, look, isOver).length === 0) || Date.now() > end) return look;
    if (isOver) world.timePasses();
    await sleep(500);
  }
}

function saidWrong(fault: Fault, look: Look, isOver: boolean): readonly string[] {
  return SURFACES.flatMap((surface) =>
    problemsOf(fault, surface, look, isOver).map((problem) => `${fault.name}: ${surface.name} ${problem}`),
  );
}
