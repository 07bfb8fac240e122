import { expectExit, field, patchSecret, readSecret } from '@hikyaku/testbed';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { People } from './people.test.kit.ts';

// `hikyaku refresh` from a laptop: the built agent on a real API server, with the rights of deploy/rights-own.yaml, and people with the Roles of
// docs/status.md and docs/holds.md.

let people: People;

beforeAll(async () => {
  people = await People.start();
});

beforeEach(() => people.begin());
afterEach(() => people.end());
afterAll(() => people?.[Symbol.asyncDispose]());

/** A daemon with one source that is read once an hour, and a Secret of it that is there. */
async function hourly() {
  const { namespace } = people;
  const id = `${namespace}/app`;
  const daemon = await people.run({
    providers: { lab: people.source('lab', { A: '1' }, { refresh: '1h' }) },
    secrets: [people.secret('app', { from: 'lab' })],
  });
  await daemon.logged({ secret: id, msg: 'applied' });
  return { daemon, id };
}

describe('refresh', () => {
  test('reads the source now, waits, and says what has changed', async () => {
    const { id } = await hourly();
    people.doppler.set(people.namespace, 'lab', 'A', '2');
    people.doppler.set(people.namespace, 'lab', 'B', '3');
    const done = await people.as('asker', 'refresh', 'lab');
    expectExit(done, 0);
    expect(done.stdout).toContain(`~ ${id}  updated  +B  ~A\n1 source read; 1 Secret: 1 changed`);
    expect((await readSecret(people.admin, id))?.data).toEqual({ A: '2', B: '3' });
    const again = await people.as('asker', 'refresh', '--json');
    expectExit(again, 0);
    expect(JSON.parse(again.stdout)).toMatchObject({
      state: 'done',
      sources: ['lab'],
      secrets: 1,
      changed: [],
      wrong: [],
    });
  });

  test('of a Secret puts it right where somebody has changed it', async () => {
    const { id } = await hourly();
    await patchSecret(people.admin, id, { stringData: { A: 'tampered' } });
    const done = await people.as('asker', 'refresh', id);
    expectExit(done, 0);
    expect(done.stdout).toContain(`~ ${id}  repaired`);
    expect((await readSecret(people.admin, id))?.data).toEqual({ A: '1' });
  });

  test('says what is wrong now, and fails', async () => {
    await hourly();
    people.doppler.remove(people.namespace, 'lab', 'A');
    const held = await people.as('asker', 'refresh', 'lab');
    expectExit(held, 1);
    expect(held.stdout).toContain(`! ${people.namespace}/app  held\n      1 of 1 keys from lab would go\n`);
  });

  test('of what is not there says so', async () => {
    await hourly();
    const nothing = await people.as('asker', 'refresh', 'other');
    expectExit(nothing, 1);
    expect(nothing.stderr).toContain('no Secret in this cluster is made of a source other');
  });

  test('without an agent says so in time, and leaves nothing behind', async () => {
    const alone = await people.as('asker', 'refresh', '--timeout', '2s');
    expectExit(alone, 1);
    expect(alone.stderr).toMatch(/no agent in \S+ has answered in 2 s: is it running \(kubectl get pods -n hikyaku\)/);
    expect(await people.read('hikyaku-request')).toEqual({});
  });

  test('takes the right of its Role: who may approve may not ask, and the other way round', async () => {
    const denied = await people.as('approver', 'refresh');
    expectExit(denied, 1);
    expect(denied.stderr).toMatch(
      /you may not do this in \S+: it takes get and update of the ConfigMap hikyaku\/hikyaku-request/,
    );
  });
});

describe('what stands in the object', () => {
  test('nonsense is answered or taken out, and the agent goes on', async () => {
    const { daemon, id } = await hourly();
    await people.write('hikyaku-request', {
      ...Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`junk-${index}`, 'x'.repeat(8_000)])),
      '00000000000000aa': '{ not json',
      '00000000000000ab': JSON.stringify({ kind: 'refresh', what: '\u001B[31m../../etc' }),
      '00000000000000ac': JSON.stringify({ kind: 'explode' }),
      '00000000000000ad': 'y'.repeat(100_000),
      '00000000000000ae': '[[[['.repeat(100),
    });
    await people.until(async () => {
      const data = await people.read('hikyaku-request');
      expect(Object.keys(data).filter((key) => key.startsWith('junk'))).toEqual([]);
      for (const letter of 'abcde')
        expect(JSON.parse(data[`00000000000000a${letter}.done`] ?? '')).toMatchObject({ state: 'refused' });
    });
    people.doppler.set(people.namespace, 'lab', 'A', '2');
    expectExit(await people.as('asker', 'refresh'), 0);
    expect((await readSecret(people.admin, id))?.data).toEqual({ A: '2' });
    expect(daemon.process.exitCode).toBeNull();
  });

  test('twenty requests at once are a few reads and one write of answers, and each is answered', async () => {
    const { daemon } = await hourly();
    const reads = () => daemon.log.filter(({ msg }) => msg === 'source read').length;
    const before = reads();
    const ids = Array.from({ length: 20 }, (_, index) => `00000000000000${(index + 16).toString(16)}`);
    await people.add('hikyaku-request', Object.fromEntries(ids.map((id) => [id, JSON.stringify({ kind: 'refresh' })])));
    await people.until(async () => {
      const data = await people.read('hikyaku-request');
      for (const id of ids) expect(JSON.parse(data[`${id}.done`] ?? '{}')).toMatchObject({ state: 'done' });
    });
    expect(reads() - before).toBeLessThanOrEqual(4);
  });
});

test('a request for the status brings it up to date, with all times; no value is in it', async () => {
  const { id } = await hourly();
  await people.until(async () =>
    expect(field(await people.status(), 'secrets', id)).toMatchObject({ state: 'synced' }),
  );
  expect(field(await people.status(), 'sources', 'lab')).not.toHaveProperty('nextAt');
  await people.add('hikyaku-request', { '00000000000000ba': JSON.stringify({ kind: 'status' }) });
  await people.until(async () => {
    expect(field(await people.status(), 'sources', 'lab')).toMatchObject({ state: 'ok', nextAt: expect.any(String) });
  });
  const text = JSON.stringify(await people.read('hikyaku-status'));
  expect(text).not.toContain('"1"');
  expect(text).not.toContain('dp.');
});
