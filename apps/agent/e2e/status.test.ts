import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateIdentity } from '@hikyaku/sealing';
import { createSecret, expectExit, field, hikyaku, startHikyaku, TcpProxy } from '@hikyaku/testbed';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { hasTerminals, hikyakuInTerminal } from '../../../tools/testbed/src/terminal.ts';
import { publicKeyOf, readIdentity, sealToken } from './identity.test.kit.ts';
import { People } from './people.test.kit.ts';

// `hikyaku status` from a laptop: the built agent on real API servers, and a person with the Role of docs/status.md.

const PATIENT = ['--timeout', '30s'] as const;

let people: People;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hikyaku-status-'));
  people = await People.start();
});

beforeEach(() => people.begin());
afterEach(() => people.end());
afterAll(async () => {
  await people?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** One good source with one Secret, read once an hour. */
function good(where = people) {
  return {
    providers: { lab: where.source('lab', { A: 'value-a', B: 'value-b' }, { refresh: '1h' }) },
    secrets: [where.secret('app', { from: 'lab' })],
  };
}

async function reported(where = people): Promise<void> {
  const id = `${where.namespace}/app`;
  await where.until(async () => expect(field(await where.status(), 'secrets', id)).toMatchObject({ state: 'synced' }));
}

async function json(...args: readonly string[]): Promise<unknown> {
  const { stdout } = await people.as('asker', 'status', '--json', ...PATIENT, ...args);
  return JSON.parse(stdout);
}

describe('one cluster', () => {
  test('all is well: a table with what was brought up to date just now, and exit code 0', async () => {
    await people.run(good());
    await reported();
    const done = await people.as('asker', 'status', ...PATIENT);
    expectExit(done, 0);
    expect(done.stdout).toMatch(/: agent hikyaku \S+, started (?:now|\d+ s ago), config loaded (?:now|\d+ s ago)\n/);
    expect(done.stdout).toMatch(/SOURCE +STATE +LAST CHANGE +LAST SUCCESS +NEXT RUN\n {2}✓ lab +ok .* in \d+ min\n/);
    expect(done.stdout).toMatch(new RegExp(`SECRET\\n  ✓ ${people.namespace}/app +synced +`));
    expect(done.stdout).not.toContain('\u001B');
    expect(done.stderr).toBe('');
    const id = `${people.namespace}/app`;
    expect(await json()).toMatchObject({
      ok: true,
      clusters: [
        {
          agent: 'hikyaku',
          ok: true,
          upToDate: true,
          publicKeys: [await publicKeyOf(await readIdentity(people.admin))],
          sources: [{ source: 'lab', state: 'ok', ok: true, count: 2, nextAt: expect.any(String) }],
          secrets: [{ secret: id, state: 'synced', ok: true, changedAt: expect.stringMatching(/Z$/), messages: [] }],
          holds: [],
        },
      ],
      credentials: [],
    });
  });

  test('a hold and a failing source: each with what to do, and exit code 1', async () => {
    const { namespace } = people;
    const daemon = await people.run({
      providers: {
        lab: people.source('lab', { A: 'value-a', B: 'value-b' }),
        broken: { ...people.source('broken', {}), token: { env: 'NOT_SET' } },
      },
      secrets: [people.secret('app', { from: 'lab' }), people.secret('none', { from: 'broken' })],
    });
    await daemon.logged({ secret: `${namespace}/app`, msg: 'applied' });
    people.doppler.remove(namespace, 'lab', 'B');
    people.doppler.remove(namespace, 'lab', 'A');
    await people.held('source:lab');
    const done = await people.as('asker', 'status', ...PATIENT);
    expectExit(done, 1);
    expect(done.stdout).toMatch(
      /! broken +failing .*\n {6}token of source broken wants the environment variable NOT_SET/,
    );
    expect(done.stdout).toMatch(new RegExp(`! ${namespace}/app +held `));
    expect(done.stdout).toMatch(
      / {4}HELD\n {2}! the source lab\n {6}.*would go\n {6}hikyaku approve lab --kubeconfig /,
    );
    const one = await people.as('asker', 'status', `${namespace}/app`, ...PATIENT);
    expectExit(one, 1);
    expect(one.stdout).toMatch(/! secret \S+\n {2}state +held\n {2}since +20\S+Z, /);
    expect(one.stdout).toContain(`- ${namespace}/app\n      - A\n      - B\n`);
    expect(one.stdout).not.toContain('broken');
    const other = await people.as('asker', 'status', 'other', ...PATIENT);
    expectExit(other, 1);
    expect(other.stderr).toMatch(/nothing is told of other in \S+; sources: broken, lab; /);
  });

  test("somebody else's Secret is refused with the line by which its owner hands it over", async () => {
    const { namespace } = people;
    await createSecret(people.admin, `${namespace}/app`, {});
    const daemon = await people.run(good());
    await daemon.logged({ secret: `${namespace}/app`, state: 'refused' });
    await people.until(async () =>
      expect(field(await people.status(), 'secrets', `${namespace}/app`)).toMatchObject({ state: 'refused' }),
    );
    const done = await people.as('asker', 'status', ...PATIENT);
    expectExit(done, 1);
    expect(done.stdout).toMatch(
      /! \S+\/app +refused .*\n {6}.*kubectl label secret app --namespace \S+ hikyaku\.dev\/agent=hikyaku/,
    );
  });

  test('a config that is refused is told of, with the line', async () => {
    const daemon = await people.run(good());
    await reported();
    const path = daemon.process.spawnargs[daemon.process.spawnargs.indexOf('--config') + 1] ?? '';
    await writeFile(path, 'providers: { lab: { type: doppler, typ: 1 } }\nsecrets: []\n');
    await people.until(async () => expect(field(await people.status(), 'config', 'problem')).toContain('`typ`'));
    const done = await people.as('asker', 'status', ...PATIENT);
    expectExit(done, 1);
    expect(done.stdout).toContain('  ! the config that is there is not in force; the last good one goes on:\n');
    expect(done.stdout).toMatch(/^ {6}\S+:1:\d+: providers\.lab.*`typ`/m);
    expect(done.stdout).toMatch(/✓ lab +ok/);
  });

  test('no agent runs: what it said last, and how old that is', async () => {
    const daemon = await people.run(good());
    await reported();
    await daemon.stop();
    const done = await people.as('asker', 'status', '--timeout', '2s');
    expectExit(done, 1);
    expect(done.stdout).toMatch(/ {2}! not brought up to date: no agent in \S+ has answered in 2 s: is it running/);
    expect(done.stdout).toMatch(/what follows is as of (?:now|\d+ s ago)\n/);
    expect(done.stdout).toMatch(/✓ lab +ok/);
    expect(await people.read('hikyaku-request')).toEqual({});
    expect(await json('--timeout', '1s')).toMatchObject({ ok: false, clusters: [{ ok: false, upToDate: false }] });
  });

  test('no agent has ever run: says so, and makes nothing', async () => {
    const done = await people.as('asker', 'status');
    expectExit(done, 1);
    expect(done.stderr).toMatch(/no agent has reported in \S+ \(ConfigMap hikyaku\/hikyaku-status\): is it running/);
    expect(await people.read('hikyaku-request')).toEqual({});
  });

  test('without the right to read it, or to ask, says which right that takes', async () => {
    await people.run(good());
    await reported();
    const denied = await people.as('stranger', 'status');
    expectExit(denied, 1);
    expect(denied.stderr).toMatch(/you may not do this in \S+: it takes get of the ConfigMap hikyaku\/hikyaku-status/);
    const reads = await people.as('approver', 'status');
    expectExit(reads, 1);
    expect(reads.stdout).toContain('it takes get and update of the ConfigMap hikyaku/hikyaku-request');
    expect(reads.stdout).toMatch(/✓ lab +ok/);
  });

  test('what somebody else has written there comes to the terminal as plain text', async () => {
    const evil = '\u001B]0;x\u0007\u202e';
    const hostile = {
      version: 1,
      writtenAt: evil,
      agent: { version: { evil } },
      config: { digest: 3, problem: evil },
      sources: { [evil]: { state: evil, message: evil, since: evil, code: [evil] } },
      secrets: { 'web/app': { state: 'synced', messages: evil } },
      pushes: { [evil]: { state: 'pushed', keys: evil } },
      restarts: { [evil]: { state: evil, secrets: [evil, 3] } },
      holds: [
        { scope: evil, digest: evil, messages: [evil], changes: [{ id: evil, removed: [evil] }] },
        { scope: 'source:$(touch x)', digest: 'd', messages: [], changes: [] },
      ],
    };
    await people.write('hikyaku-status', { 'status.json': JSON.stringify(hostile) });
    for (const args of [[], ['--json'], ['web/app']]) {
      const done = await people.as('asker', 'status', '--timeout', '1s', ...args);
      expectExit(done, 1);
      for (const character of evil.match(/[^\]0;x]/gu) ?? []) expect(done.stdout).not.toContain(character);
      expect(done.stdout).toContain('web/app');
    }
    const { stdout } = await people.as('asker', 'status', '--timeout', '1s');
    expect(stdout).toContain("hikyaku approve 'source:$(touch x)' --kubeconfig ");
    const { stderr } = await people.as('approver', 'approve', 'lab');
    expect(stderr).toContain("hikyaku approve 'source:$(touch x)'");
  });
});

test('of a config at hand says when each credential was sealed; no key is needed', async () => {
  await people.run(good());
  await reported();
  const { recipient } = await generateIdentity();
  const sealed = await sealToken(people.doppler, people.doppler.serviceAccountToken(), { home: recipient });
  const config = {
    recipients: { home: recipient },
    providers: {
      lab: { type: 'doppler', url: people.doppler.url, project: 'p', config: 'c', token: { sealed } },
    },
    secrets: [{ name: 'a', namespace: 'b', from: 'lab' }],
  };
  await writeFile(join(folder, 'hikyaku.yaml'), stringify(config));
  const args = ['--config', join(folder, 'hikyaku.yaml'), ...PATIENT];
  const done = await people.as('asker', 'status', ...args);
  expectExit(done, 0);
  const today = new Date().toISOString().slice(0, 10);
  expect(done.stdout).toContain(`providers.lab.token  sealed on ${today}`);
  expect(await json(...args)).toMatchObject({ credentials: [{ path: 'providers.lab.token' }] });
});

test('of a credential that the agent has used it says when, and of one that it has not that', async () => {
  const first = await people.run(good());
  const recipient = await people.until(() => readIdentity(people.admin).then((secret) => publicKeyOf(secret)));
  await first.stop();
  const sealed = await sealToken(people.doppler, people.doppler.serviceAccountToken(), { home: recipient });
  const config = {
    recipients: { home: recipient },
    providers: {
      lab: { ...people.source('lab', { A: 'value-a' }), token: { sealed } },
      spare: { ...people.source('spare', {}), token: { sealed } },
    },
    secrets: [people.secret('app', { from: 'lab' })],
  };
  await people.run(config);
  await reported();
  await writeFile(join(folder, 'hikyaku.yaml'), stringify(config));
  const args = ['--config', join(folder, 'hikyaku.yaml'), ...PATIENT];
  const done = await people.as('asker', 'status', ...args);
  expect(done.stdout).toMatch(/ {4}providers\.lab\.token .*; last used (?:now|\d+ s ago)\n/);
  expect(done.stdout).toMatch(/ {4}providers\.spare\.token .*; not used since the agent started\n/);
  const used = [
    { path: 'providers.lab.token', usedAt: expect.stringMatching(/Z$/) },
    { path: 'providers.spare.token' },
  ];
  expect(await json(...args)).toMatchObject({ clusters: [{ credentials: used }] });
});

describe('watch', () => {
  test('in a pipe: the table once, then a line per change, at once', async () => {
    const { namespace } = people;
    const daemon = await people.run({ ...good(), providers: { lab: people.source('lab', { A: '1', B: '2' }) } });
    await daemon.logged({ secret: `${namespace}/app`, msg: 'applied' });
    await reported();
    const args = ['status', '--watch', ...PATIENT, '--kubeconfig', people.kubeconfigOf('asker')];
    const watching = startHikyaku(args, { cwd: '/' });
    await people.until(async () => expect(watching.stdout).toMatch(/✓ lab +ok/));
    for (const name of ['A', 'B']) people.doppler.remove(namespace, 'lab', name);
    await people.until(async () => expect(watching.stdout).toMatch(/\d\dZ \S+ secret \S+\/app: held: .*would go\n/));
    expect(watching.stdout).toMatch(/held of the source lab: .*hikyaku approve lab/);
    for (const name of ['A', 'B']) people.doppler.set(namespace, 'lab', name, 'back');
    await people.until(async () => expect(watching.stdout).toMatch(/held of the source lab: not there any more\n/));
    expect(watching.stdout.match(/SOURCE/g)).toHaveLength(1);
    const done = await watching.stop('SIGINT');
    expect(done.exitCode).toBe(130);
    expect(done.stdout).not.toContain('\u001B');
  });

  test('of who may read the status and neither watch it nor ask: a little later, and with the reason', async () => {
    const { namespace } = people;
    const daemon = await people.run({ ...good(), providers: { lab: people.source('lab', { A: '1' }) } });
    await daemon.logged({ secret: `${namespace}/app`, msg: 'applied' });
    await reported();
    const args = ['status', '--watch', '--json', '--kubeconfig', people.kubeconfigOf('approver')];
    const watching = startHikyaku(args, { cwd: '/' });
    const last = (): unknown => JSON.parse(watching.stdout.trimEnd().split('\n').at(-1) ?? '');
    await people.until(async () =>
      expect(last()).toMatchObject({
        ok: false,
        clusters: [
          { problem: expect.stringContaining('hikyaku/hikyaku-request'), secrets: [{ state: 'synced' }], holds: [] },
        ],
      }),
    );
    people.doppler.remove(namespace, 'lab', 'A');
    await people.until(async () => expect(last()).toMatchObject({ clusters: [{ holds: [{ scope: 'source:lab' }] }] }));
    expect((await watching.stop('SIGTERM')).exitCode).toBe(130);
  });

  test('a cluster that was away for a moment is told of so, and soon not any more', async () => {
    await people.run(good());
    await reported();
    const file = people.kubeconfigOf('asker');
    const server = String(field(parse(await readFile(file, 'utf8')), 'clusters', 0, 'cluster', 'server'));
    const { port } = new URL(server);
    await using between = await TcpProxy.start(() => Number(port));
    const path = join(folder, 'between');
    await writeFile(path, (await readFile(file, 'utf8')).replaceAll(server, `https://127.0.0.1:${between.port}`), {
      mode: 0o600,
    });
    const watching = startHikyaku(['status', '--watch', '--json', ...PATIENT, '--kubeconfig', path], { cwd: '/' });
    const last = (): unknown => JSON.parse(watching.stdout.trimEnd().split('\n').at(-1) ?? '');
    const is = (ok: boolean) => people.until(async () => expect(last()).toMatchObject({ ok }));
    await is(true);
    between.mode = 'closed';
    between.cut();
    await is(false);
    expect(last()).toMatchObject({ clusters: [{ problem: expect.any(String), secrets: [{ state: 'synced' }] }] });
    between.mode = 'open';
    const since = performance.now();
    await is(true);
    // It is asked by itself only every 30 s.
    expect(performance.now() - since).toBeLessThan(12_000);
    expect(watching.stdout).not.toContain('"problem":"watch ');
    expect((await watching.stop('SIGINT')).exitCode).toBe(130);
  });

  test.runIf(hasTerminals)('in a terminal: drawn over what was there before', async () => {
    const daemon = await people.run({ ...good(), providers: { lab: people.source('lab', { A: '1' }) } });
    await daemon.logged({ secret: `${people.namespace}/app`, msg: 'applied' });
    await reported();
    const { screen } = await hikyakuInTerminal(
      ['status', '--watch', ...PATIENT, '--kubeconfig', people.kubeconfigOf('asker')],
      {
        types: [
          { after: 'synced', keys: '', look: async () => people.doppler.remove(people.namespace, 'lab', 'A') },
          { after: 'HELD', keys: '\u0003' },
        ],
      },
    );
    expect(screen).toContain('\u001B[2J\u001B[H');
    expect(screen.split('\u001B[2J')).toHaveLength(2);
    expect(screen).toContain('\u001B[31m!');
  });
});

describe('several clusters', () => {
  test('are one table; one that cannot be reached says why, and the others show', async () => {
    const cabin = await People.start();
    try {
      await cabin.begin();
      await people.run(good());
      await cabin.run(good(cabin));
      await reported();
      await reported(cabin);
      const kubeconfig = await merged({
        home: people.kubeconfigOf('asker'),
        cabin: cabin.kubeconfigOf('asker'),
        lab: people.kubeconfigOf('asker'),
      });
      const args = ['status', '--kubeconfig', kubeconfig, ...PATIENT];
      const both = await hikyaku([...args, '--contexts', 'home,cabin'], { cwd: '/' });
      expectExit(both, 0);
      expect(both.stdout).toMatch(/CLUSTER +SOURCE +STATE.*\n {2}✓ home +lab +ok .*\n {2}✓ cabin +lab +ok /);
      const all = await hikyaku([...args, '--contexts', 'home,cabin,lab,nowhere'], { cwd: '/' });
      expectExit(all, 1);
      expect(all.stdout).toMatch(/^! lab\n {4}.*(?:127\.0\.0\.1:1|ECONNREFUSED)/m);
      expect(all.stdout).toMatch(/^! nowhere\n {4}there is no context "nowhere"/m);
      expect(all.stdout).toMatch(/✓ home +lab +ok .*\n {2}✓ cabin +lab +ok /);
      const document = await hikyaku([...args, '--json', '--contexts', 'cabin,lab'], { cwd: '/' });
      expectExit(document, 1);
      expect(JSON.parse(document.stdout)).toMatchObject({
        ok: false,
        clusters: [
          { cluster: 'cabin', ok: true },
          { cluster: 'lab', ok: false, problem: expect.any(String) },
        ],
      });
      const watched = [...args, '--watch', '--json', '--contexts', 'home,lab,cabin'];
      const watching = startHikyaku(watched, { cwd: '/' });
      const last = (): unknown => JSON.parse(watching.stdout.trimEnd().split('\n').at(-1) ?? '');
      await people.until(async () =>
        expect(last()).toMatchObject({
          ok: false,
          clusters: [
            { cluster: 'home', secrets: [{ state: 'synced' }] },
            { cluster: 'lab', ok: false, problem: expect.stringMatching(/127\.0\.0\.1:1|ECONNREFUSED/) },
            { cluster: 'cabin', secrets: [{ state: 'synced' }] },
          ],
        }),
      );
      expect((await watching.stop('SIGINT')).exitCode).toBe(130);
      await cabin.end();
    } finally {
      await cabin[Symbol.asyncDispose]();
    }
  });
});

/** One file with a context for each; that of `lab` leads nowhere. */
async function merged(files: Readonly<Record<string, string>>): Promise<string> {
  const parts = await Promise.all(
    Object.entries(files).map(async ([name, file]) => {
      const config: unknown = parse(await readFile(file, 'utf8'));
      const cluster = { ...Object(field(config, 'clusters', 0, 'cluster')) };
      if (name === 'lab') cluster.server = 'https://127.0.0.1:1';
      return { name, cluster, user: field(config, 'users', 0, 'user') };
    }),
  );
  const path = join(folder, 'kubeconfig');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: parts.map(({ name, cluster }) => ({ name, cluster })),
    users: parts.map(({ name, user }) => ({ name, user })),
    contexts: parts.map(({ name }) => ({ name, context: { cluster: name, user: name } })),
  };
  await writeFile(path, stringify(config), { mode: 0o600 });
  return path;
}
