import { expectExit, readInventory, readSecret, readSecrets } from '@hikyaku/testbed';
import type { Running } from '@hikyaku/testbed';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { People } from './people.test.kit.ts';
import type { Values } from './people.test.kit.ts';

// `hikyaku approve`: the built agent on a real API server, with the rights of deploy/rights-own.yaml, and people with the Roles of the docs.

let people: People;

beforeAll(async () => {
  people = await People.start();
});

beforeEach(() => people.begin());
afterEach(() => people.end());
afterAll(() => people?.[Symbol.asyncDispose]());

const VALUES: Values = { K1: '1', K2: '2', K3: '3', K4: '4' };

function id(name = 'app'): string {
  return `${people.namespace}/${name}`;
}

/** `lab` with one Secret of all its keys. */
function setting() {
  return { providers: { lab: people.source('lab', VALUES) }, secrets: [people.secret('app', { from: 'lab' })] };
}

/** A daemon that holds what `lab` has lost, and says so. */
async function held(config: object = setting()) {
  const daemon = await people.run(config);
  await becomes(VALUES);
  for (const name of ['K2', 'K3', 'K4']) people.doppler.remove(people.namespace, 'lab', name);
  const hold = await people.held('source:lab');
  return { daemon, ...hold };
}

async function becomes(values: Values, name = 'app'): Promise<void> {
  await people.until(async () => expect((await readSecret(people.admin, id(name)))?.data).toEqual(values));
}

async function readsTwice(): Promise<void> {
  const before = people.doppler.counters.requests;
  await people.until(async () => expect(people.doppler.counters.requests).toBeGreaterThan(before + 2));
}

function approvalOf(digest: string, more: object = {}): string {
  const now = Date.now();
  const [at, expires] = [new Date(now).toISOString(), new Date(now + 500_000).toISOString()];
  return JSON.stringify({ scope: 'source:lab', digest, at, expires, ...more });
}

async function stateOf(approval: string): Promise<unknown> {
  return await people.until(async () => {
    const text = (await people.read('hikyaku-approval'))[`${approval}.done`];
    const answer: unknown = JSON.parse(text ?? '');
    expect(answer).not.toMatchObject({ state: 'taken' });
    return answer;
  });
}

describe('an approval', () => {
  test('of a source shows what would go and lets it go', async () => {
    const { daemon, changes } = await held();
    expect(changes).toEqual([{ id: id(), removed: ['K2', 'K3', 'K4'] }]);
    const approved = await people.as('approver', 'approve', 'lab', '--yes');
    expectExit(approved, 0);
    expect(approved.stderr).toContain('3 of 4 keys from lab would go');
    expect(approved.stderr).toContain(`- ${id()}\n      - K2\n      - K3\n      - K4\n`);
    expect(approved.stdout).toContain('approved: the source lab');
    expect((await readSecret(people.admin, id()))?.data).toEqual({ K1: '1' });
    await daemon.logged({ msg: 'approval used', scope: 'source:lab' });
    await people.until(async () => expect(await people.status()).toMatchObject({ holds: [] }));
    // Lost again: held again.
    for (const name of ['K2', 'K3', 'K4']) people.doppler.set(people.namespace, 'lab', name, 'back');
    await becomes({ K1: '1', K2: 'back', K3: 'back', K4: 'back' });
    for (const name of ['K2', 'K3', 'K4']) people.doppler.remove(people.namespace, 'lab', name);
    await people.held('source:lab');
  });

  test('of the config deletes the Secrets whose entries are gone', async () => {
    const providers = { lab: people.source('lab', VALUES) };
    const entries = ['a', 'b', 'c'].map((name) => people.secret(name, { from: 'lab' }));
    const before = await people.run({ providers, secrets: entries });
    await becomes(VALUES, 'c');
    await people.until(async () => expect((await readSecrets(people.admin, people.namespace)).size).toBe(3));
    await before.stop();
    await people.run({ providers, secrets: entries.slice(0, 1) });
    await people.held('config');
    const nothing = await people.as('approver', 'approve', 'lab', '--yes');
    expectExit(nothing, 1);
    expect(nothing.stderr).toContain('nothing is held of the source lab; what is held: hikyaku approve config');
    const approved = await people.as('approver', 'approve', 'config', '--yes', '--json');
    expectExit(approved, 0);
    expect(JSON.parse(approved.stdout)).toMatchObject({ state: 'given', scope: 'config', wrong: [] });
    expect([...(await readSecrets(people.admin, people.namespace)).keys()]).toEqual(['a']);
    expect([...(await readInventory(people.admin)).keys()]).toEqual([id('a')]);
  });

  test('needs somebody who says yes, and the right of its Role', async () => {
    await held();
    const unasked = await people.as('approver', 'approve', 'lab');
    expectExit(unasked, 2);
    expect(unasked.stderr).toContain('nobody is there to confirm');
    const denied = await people.as('asker', 'approve', 'lab', '--yes');
    expectExit(denied, 1);
    expect(denied.stderr).toContain('it takes get and update of the ConfigMap hikyaku/hikyaku-approval');
    await readsTwice();
    expect((await readSecret(people.admin, id()))?.data).toEqual(VALUES);
  });

  test('of a plan that has changed meanwhile lets nothing go', async () => {
    const { digest } = await held();
    people.doppler.remove(people.namespace, 'lab', 'K1');
    await people.until(async () => expect((await people.held('source:lab')).digest).not.toBe(digest));
    await people.add('hikyaku-approval', { '00000000000000aa': approvalOf(digest) });
    expect(await stateOf('00000000000000aa')).toMatchObject({ state: 'changed' });
    expect((await readSecret(people.admin, id()))?.data).toEqual(VALUES);
  });

  test('of what has come back says that nothing is held any more', async () => {
    const { daemon, digest } = await held();
    for (const name of ['K2', 'K3', 'K4']) people.doppler.set(people.namespace, 'lab', name, VALUES[name] ?? '');
    await daemon.logged({ secret: id(), msg: 'recovered' });
    await people.add('hikyaku-approval', { '00000000000000aa': approvalOf(digest) });
    expect(await stateOf('00000000000000aa')).toMatchObject({ state: 'over' });
  });

  test('that is too old, or would count too long, or is nonsense is refused', async () => {
    const { digest } = await held();
    const expires = (ms: number) => ({ expires: new Date(Date.now() + ms).toISOString() });
    await people.write('hikyaku-approval', {
      '00000000000000aa': approvalOf(digest, expires(-1_000)),
      '00000000000000ab': approvalOf(digest, expires(3_600_000)),
      '00000000000000ac': approvalOf(digest, { scope: 'everything' }),
      '00000000000000ad': '{',
      '00000000000000ae': approvalOf('*'),
      junk: 'x'.repeat(500_000),
    });
    for (const letter of 'abcde') expect(await stateOf(`00000000000000a${letter}`)).toMatchObject({ state: 'refused' });
    expect(Object.keys(await people.read('hikyaku-approval'))).not.toContain('junk');
    await readsTwice();
    expect((await readSecret(people.admin, id()))?.data).toEqual(VALUES);
  });

  test('two at once: one lets it go, the other finds nothing held', async () => {
    await held();
    const both = await Promise.all(
      (['approver', 'admin'] as const).map((name) => people.as(name, 'approve', 'lab', '--yes', '--json')),
    );
    for (const one of both) expectExit(one, 0);
    expect(both.map(({ stdout }) => String(Reflect.get(JSON.parse(stdout), 'state'))).toSorted()).toEqual([
      'given',
      'over',
    ]);
    await becomes({ K1: '1' });
  });
});

describe('an approval that was used', () => {
  async function restarted(daemon: Running, config: object): Promise<Running> {
    await daemon.stop('SIGKILL');
    return await people.run(config);
  }

  test('lets nothing go after the agent was killed before it wrote anything: what was held is held', async () => {
    const config = setting();
    const { daemon, digest } = await held(config);
    await daemon.stop('SIGKILL');
    // As it stands when the agent was killed right after it had taken it.
    const taken = JSON.stringify({ state: 'taken', at: new Date().toISOString() });
    await people.write('hikyaku-approval', { '00000000000000aa': approvalOf(digest), '00000000000000aa.done': taken });
    const next = await people.run(config);
    await next.logged({ secret: id(), state: 'held' });
    await readsTwice();
    expect((await readSecret(people.admin, id()))?.data).toEqual(VALUES);
    expectExit(await people.as('approver', 'approve', 'lab', '--yes'), 0);
    await becomes({ K1: '1' });
  });

  test('at whatever moment the agent is killed, it all goes or nothing does, and the word does not count again', async () => {
    const config = setting();
    for (const afterMs of [0, 80, 250]) {
      const { daemon } = await held(config);
      const approving = people.as('approver', 'approve', 'lab', '--yes', '--timeout', '20s');
      await people.until(async () => {
        const names = Object.keys(await people.read('hikyaku-approval'));
        expect(names.length).toBeGreaterThan(0);
      });
      await new Promise((resolve) => setTimeout(resolve, afterMs));
      const next = await restarted(daemon, config);
      await approving;
      await readsTwice();
      const data = (await readSecret(people.admin, id()))?.data;
      expect([VALUES, { K1: '1' }]).toContainEqual(data);
      // Whatever it was, the same again is held.
      for (const name of ['K2', 'K3', 'K4']) people.doppler.set(people.namespace, 'lab', name, VALUES[name] ?? '');
      await becomes(VALUES);
      for (const name of ['K2', 'K3', 'K4']) people.doppler.remove(people.namespace, 'lab', name);
      await people.held('source:lab');
      await readsTwice();
      expect((await readSecret(people.admin, id()))?.data).toEqual(VALUES);
      await next.stop();
      for (const name of ['K2', 'K3', 'K4']) people.doppler.set(people.namespace, 'lab', name, VALUES[name] ?? '');
    }
  });

  test('and is written again under its own name is too old in the end, and before that another plan', async () => {
    const { digest } = await held();
    const old = approvalOf(digest);
    await people.add('hikyaku-approval', { '00000000000000aa': old });
    expect(await stateOf('00000000000000aa')).toMatchObject({ state: 'given' });
    await becomes({ K1: '1' });
    for (const name of ['K2', 'K3', 'K4']) people.doppler.set(people.namespace, 'lab', name, VALUES[name] ?? '');
    await becomes(VALUES);
    for (const name of ['K2', 'K3', 'K4']) people.doppler.remove(people.namespace, 'lab', name);
    await people.held('source:lab');
    // From a backup of the object, with its mark or without it.
    await people.write('hikyaku-approval', { '00000000000000aa': old });
    await readsTwice();
    await readsTwice();
    expect((await readSecret(people.admin, id()))?.data).toEqual(VALUES);
  });
});
