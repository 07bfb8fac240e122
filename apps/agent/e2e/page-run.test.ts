import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expectExit, hikyaku } from '@hikyaku/testbed';
import type { Running } from '@hikyaku/testbed';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { startBrowser } from '../../../tools/testbed/src/browser.ts';
import { LeakSearch } from '../../../tools/testbed/src/leak-search.ts';
import { lookAt } from './page.test.kit.ts';
import { People } from './people.test.kit.ts';

// The status page of the built agent, against a real API server and in a real Chromium; all that it can show: page.test.ts.

let people: People;
let browser: Browser;
let folder: string;

beforeAll(async () => {
  people = await People.start();
  browser = await startBrowser();
  folder = await mkdtemp(join(tmpdir(), 'hikyaku-page-'));
});
beforeEach(() => people.begin());
afterEach(() => people.end());
afterAll(async () => {
  await browser?.close();
  await people?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const secret = () => randomBytes(18).toString('hex');

async function urlOf(daemon: Running): Promise<string> {
  const { host, port } = await daemon.logged({ msg: 'showing the status page' });
  expect(host).toBe('127.0.0.1');
  return `http://localhost:${String(port)}/`;
}

test('a change at the source is shown live, and after the agent was killed the page goes on with the next one', async () => {
  const { namespace, doppler } = people;
  const config = {
    providers: { lab: people.source('lab', { A: secret(), B: secret() }) },
    secrets: [people.secret('app', { from: 'lab' })],
  };
  const first = await people.run(config, '--page', '0');
  const url = await urlOf(first);
  await using looking = await lookAt(browser, url);
  const { page } = looking;
  const says = async (selector: string, wanted: RegExp) =>
    await vi.waitFor(async () => expect(await page.locator(selector).textContent()).toMatch(wanted), {
      timeout: 60_000,
      interval: 50,
    });
  await says('#verdict-title', /All is well/);
  doppler.remove(namespace, 'lab', 'A');
  doppler.remove(namespace, 'lab', 'B');
  await says('#verdict-title', /needs? a person/);
  await says('#needs', /hikyaku approve lab/);
  await first.stop('SIGKILL');
  await says('#lost', /^Connection lost since/);
  for (const name of ['A', 'B']) doppler.set(namespace, 'lab', name, secret());
  await people.run(config, '--page', new URL(url).port);
  await says('#live', /live/);
  await says('#verdict-title', /All is well/);
  await says('#lost', /^$/);
  expect(looking.complaints.filter((text) => !/ERR_CONNECTION|ERR_INCOMPLETE|ERR_EMPTY/.test(text))).toEqual([]);
  expect(looking.requests.filter((asked) => !asked.startsWith(url))).toEqual([]);
});

test('under faults there is no value and no token in the page, nor in what is sent to it', async () => {
  const { namespace, doppler } = people;
  const values = { A: secret(), B: secret(), DB_URL: `postgres://web:${secret()}@db.lan/app` };
  const token = `dp.st.${secret()}`;
  await writeFile(join(folder, 'token'), token);
  const leaks = new LeakSearch();
  for (const [name, value] of Object.entries({ ...values, token })) leaks.add(name, value);
  const daemon = await people.run(
    {
      providers: {
        lab: people.source('lab', values),
        other: people.source('other', values, { token: { file: join(folder, 'token') } }),
        nowhere: people.source('nowhere', {}, { project: 'not-there' }),
      },
      secrets: [
        people.secret('app', { from: 'lab' }),
        people.secret('more', { from: 'lab', data: { a: 'A', absent: 'NOT_THERE' } }),
        people.secret('other', { from: 'other' }),
        people.secret('nowhere', { from: 'nowhere' }),
        { name: 'lost', namespace: 'no-such-namespace', from: 'lab' },
      ],
    },
    '--page',
    '0',
  );
  const url = await urlOf(daemon);
  const sent: string[] = [];
  const end = new AbortController();
  const live = await fetch(`${url}live`, { signal: end.signal });
  const reading = (async () => {
    for await (const chunk of live.body ?? []) sent.push(Buffer.from(chunk).toString('utf8'));
  })().catch(() => {});
  const draw = async () => await (await fetch(url)).text();
  await people.until(async () => {
    const html = await draw();
    for (const wanted of [`${namespace}/more`, 'no-such-namespace/lost', 'nowhere', 'other'])
      expect(html).toMatch(new RegExp(`id="need-[^"]*${wanted}`));
  });
  for (const name of Object.keys(values)) doppler.remove(namespace, 'lab', name);
  await people.until(async () => expect(await draw()).toContain('hikyaku approve lab'));
  const [html, log] = [await draw(), daemon.output];
  end.abort();
  await reading;
  expect(sent.join('').length).toBeGreaterThan(1_000);
  for (const [where, text] of [
    ['page', html],
    ['stream', sent.join('')],
    ['log', log],
  ] as const)
    expect(leaks.find(text, where)).toEqual([]);
});

test('it is off unless asked for; another host than this machine is warned about; a port that is taken is said', async () => {
  const config = { providers: {}, secrets: [] };
  const quiet = await people.run(config);
  expect(quiet.log.some(({ msg }) => msg === 'showing the status page')).toBe(false);
  expect(await listening(quiet)).toBe(0);
  const open = await people.run(config, '--page', '0.0.0.0:0');
  const { port } = await open.logged({ msg: 'showing the status page', host: '0.0.0.0' });
  expect(await listening(open)).toBe(1);
  expect(open.output).toContain('whoever reaches this address reads the status page, without a login');
  await new Promise<void>((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: Number(port) }, () => (socket.destroy(), resolve()));
    socket.on('error', reject);
  });
  const args = ['run', '--config', open.process.spawnargs[open.process.spawnargs.indexOf('--config') + 1] ?? ''];
  const taken = await hikyaku([
    ...args,
    '--kubeconfig',
    people.kubeconfigOf('admin'),
    '--page',
    `0.0.0.0:${Number(port)}`,
  ]);
  expectExit(taken, 2);
  expect(taken.stderr).toBe(
    `error: --page: port ${Number(port)} of 0.0.0.0 cannot be used (EADDRINUSE): choose another one\n`,
  );
});

/** How many TCP ports it listens on. */
async function listening({ process: { pid } }: Running): Promise<number> {
  const tables = await Promise.all(
    ['tcp', 'tcp6'].map((name) => readFile(`/proc/${pid}/net/${name}`, 'utf8').catch(() => '')),
  );
  const rows = tables.flatMap((table) => table.trim().split('\n').slice(1)).map((row) => row.trim().split(/\s+/));
  // Columns as proc(5) has them: state and inode.
  const inodes = new Set(rows.flatMap(([, , , state, , , , , , inode = '']) => (state === '0A' ? [inode] : [])));
  const open = await readdir(`/proc/${pid}/fd`);
  const links = await Promise.all(open.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')));
  return links.filter((link) => inodes.has(/^socket:\[(\d+)\]$/.exec(link)?.[1] ?? '')).length;
}
