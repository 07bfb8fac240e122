import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FakeDoppler } from '@hikyaku/provider-doppler/testing';
import { generateIdentity } from '@hikyaku/sealing';
import { createSecret, eventually, patchSecret, succeeded } from '@hikyaku/testbed';
import type { Api, Running } from '@hikyaku/testbed';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { AlertTrial, TARGET } from './alert-trial.test.kit.ts';
import type { Phase } from './alert-trial.test.kit.ts';
import { promtool, readAlertRules, scrape, scrapeUntil } from './metrics.test.kit.ts';
import type { Labels, Scrape } from './metrics.test.kit.ts';
import { Stage } from './stage.test.kit.ts';

// Each alert of deploy/prometheus-rules.yaml in the fault that it is for: the built agent is scraped before, meanwhile and afterwards, and
// promtool tells the rules of it for as long as they take.

const signingSecret = randomBytes(24).toString('hex');
const LEASE = '/apis/coordination.k8s.io/v1/namespaces/hikyaku/leases/hikyaku';
const MERGE_PATCH = { 'content-type': 'application/merge-patch+json' };
const { job, namespace: agentNamespace } = TARGET;
/** What the rules leave of it. */
const OF_AGENT = { job, namespace: agentNamespace };
/** Longer than any rule waits. */
const LONG = 40;
const BEFORE = 10;
/** Shorter than what has happened counts. */
const SHORT = 5;

let stage: Stage;
let admin: Api;
let doppler: FakeDoppler;
let namespace: string;

beforeAll(async () => {
  stage = await Stage.open('alert', { controllers: false });
  ({ admin, doppler } = stage);
});
beforeEach(async () => {
  namespace = await stage.begin();
  doppler.addConfig(namespace, 'prd', { A: '1', B: '2', C: '3', D: '4' });
});
afterEach(() => stage.end());
afterAll(() => stage?.[Symbol.asyncDispose]());

type Fields = Readonly<Record<string, unknown>>;

function config({ source = {}, secret = {}, ...more }: { source?: Fields; secret?: Fields } & Fields = {}): object {
  const lab = stage.source('prd', { hold: 'off', ...source });
  const app = { name: 'app', namespace, from: 'lab', ...secret };
  return { resync: '1s', hold: 'off', providers: { lab }, secrets: [app], ...more };
}

async function start(path: string, flags: readonly string[] = [], access = stage.kubeconfig): Promise<Running> {
  const token = doppler.serviceToken(namespace, 'prd', { access: 'read/write' });
  const args = ['run', '--health', '127.0.0.1:0', '--config', path, '--kubeconfig', access, ...flags];
  const agent = stage.start(args, { env: { DOPPLER_TOKEN: token, HOOK: signingSecret } });
  await agent.logged({ msg: 'answering probes' });
  return agent;
}

async function until(agent: Running, holds: (now: Scrape) => boolean): Promise<Scrape> {
  return await scrapeUntil(agent, holds, { timeout: 180_000 });
}

const WRONG = [
  'hikyaku_source_failing',
  'hikyaku_secret_not_well',
  'hikyaku_push_not_well',
  'hikyaku_restarts',
  'hikyaku_holds',
  'hikyaku_config_undecided_entries',
];

const isWell = (now: Scrape) =>
  now.sum('hikyaku_leader') === 1 &&
  now.sum('hikyaku_config_last_reload_successful') === 1 &&
  now.sum('hikyaku_sources', { state: 'ok' }) === now.sum('hikyaku_sources') &&
  WRONG.every((name) => now.sum(name) === 0);

/** While its sources are read again and again. */
async function reading(agent: Running, minutes: number): Promise<Phase> {
  const times = ['hikyaku_source_last_success_timestamp_seconds', 'hikyaku_source_next_read_timestamp_seconds'];
  const first = await scrape(agent);
  const second = await until(agent, (now) =>
    times.every((name) => String(now.values(name)) !== String(first.values(name))),
  );
  return { minutes, scrapes: [first, second] };
}

/** While nothing is read. */
async function standing(agent: Running, minutes: number): Promise<Phase> {
  const first = await scrape(agent);
  await sleep(2_500);
  return { minutes, scrapes: [first, await scrape(agent)] };
}

async function well(agent: Running, minutes: number): Promise<Phase> {
  await until(agent, isWell);
  return await reading(agent, minutes);
}

async function holdLease(holderIdentity: string): Promise<void> {
  const renewTime = new Date().toISOString().replace('Z', '000Z');
  const spec = { holderIdentity, leaseDurationSeconds: 3_600, renewTime };
  succeeded(await admin('PATCH', LEASE, { spec }, MERGE_PATCH));
}

interface Trial {
  /** That the alert has, besides those of the agent. */
  readonly labels: () => Labels;
  /** What it goes through: well, in the fault, and well again. */
  readonly phases: () => AsyncIterable<Phase>;
  /** It waits for nothing. */
  readonly isInstant?: true;
  /** Minutes until it is one that may fire; at once by default. */
  readonly pendingAfter?: number;
  /** Another one that may fire at the end of the fault, and does not yet. */
  readonly besides?: { readonly alert: string; readonly labels: Labels };
}

const app = () => ({ ...OF_AGENT, secret: `${namespace}/app` });
const lab = () => ({ ...OF_AGENT, source: 'lab' });

/** An agent goes well, is spoiled, and goes well again. */
function trial(
  labels: () => Labels,
  {
    given = {},
    flags = [],
    access,
    spoil,
    during = reading,
    mend,
    isInstant,
    pendingAfter,
  }: {
    readonly given?: Parameters<typeof config>[0];
    readonly flags?: readonly string[];
    readonly access?: () => string;
    readonly spoil: (agent: Running, path: string) => Promise<unknown>;
    readonly during?: typeof reading;
    readonly mend: (path: string) => unknown;
    readonly isInstant?: true;
    readonly pendingAfter?: number;
  },
): Trial {
  return {
    labels,
    async *phases() {
      const path = await stage.configs.write(config(given));
      const agent = await start(path, flags, access?.());
      yield await well(agent, BEFORE);
      await spoil(agent, path);
      yield await during(agent, isInstant ? SHORT : LONG);
      await mend(path);
      yield await well(agent, LONG);
    },
    ...(isInstant && { isInstant }),
    ...(pendingAfter !== undefined && { pendingAfter }),
  };
}

const TRIALS: Readonly<Record<string, Trial>> = {
  HikyakuSourceFailing: trial(lab, {
    async spoil(agent) {
      doppler.fail({ kind: '500', times: 1_000_000, project: namespace });
      await until(agent, (now) => now.sum('hikyaku_source_failing', { source: 'lab' }) === 1);
    },
    during: standing,
    mend: () => doppler.clearFaults(),
  }),

  HikyakuSourceStale: trial(lab, {
    pendingAfter: 12,
    async spoil() {
      const { requests } = doppler.counters;
      doppler.fail({ kind: 'hang', times: 1_000_000, project: namespace });
      await eventually(async () => doppler.counters.requests > requests);
      // An answer that was under way is over.
      await sleep(500);
    },
    during: standing,
    mend: () => doppler.clearFaults(),
  }),

  HikyakuSecretNotWell: trial(app, {
    given: { secret: { data: { a: 'A', b: 'B' } } },
    async spoil(agent) {
      doppler.remove(namespace, 'prd', 'B');
      await until(agent, (now) => now.sum('hikyaku_secret_not_well', { state: 'kept' }) === 1);
    },
    mend: () => doppler.set(namespace, 'prd', 'B', '3'),
  }),

  HikyakuHeld: trial(() => ({ ...OF_AGENT, scope: 'source:lab' }), {
    given: { source: { hold: { lostKeys: '50%' } } },
    async spoil(agent) {
      for (const name of ['A', 'B', 'C']) doppler.remove(namespace, 'prd', name);
      await until(agent, (now) => now.sum('hikyaku_holds') === 1);
    },
    mend() {
      for (const name of ['A', 'B', 'C']) doppler.set(namespace, 'prd', name, 'again');
    },
  }),

  HikyakuContested: trial(() => ({ ...app(), state: 'contested' }), {
    async spoil(agent) {
      const fighting = new AbortController();
      const fight = async () => {
        while (!fighting.signal.aborted) {
          await patchSecret(admin, `${namespace}/app`, { data: { A: Buffer.from('theirs').toString('base64') } });
          await sleep(100);
        }
      };
      const fought = fight();
      await until(agent, (now) => now.sum('hikyaku_secrets', { state: 'contested' }) === 1);
      fighting.abort();
      await fought;
    },
    mend: () => {},
  }),

  HikyakuConfigRefused: trial(() => OF_AGENT, {
    async spoil(agent, path) {
      await writeFile(path, 'secretz: []');
      await until(agent, (now) => now.sum('hikyaku_config_last_reload_successful') === 0);
    },
    mend: (path) => writeFile(path, JSON.stringify(config())),
  }),

  HikyakuClusterUnknown: trial(() => OF_AGENT, {
    async spoil(agent, path) {
      const { recipient } = await generateIdentity();
      const secrets = [
        { name: 'app', namespace, from: 'lab' },
        { name: 'there', namespace, from: 'lab', clusters: ['other'] },
      ];
      await writeFile(path, JSON.stringify(config({ recipients: { other: recipient }, secrets })));
      await until(agent, (now) => now.sum('hikyaku_config_undecided_entries') === 1);
    },
    mend: (path) => writeFile(path, JSON.stringify(config())),
  }),

  HikyakuPushNotWell: trial(() => ({ ...OF_AGENT, secret: `${namespace}/local`, source: 'lab' }), {
    access: () => stage.cluster.kubeconfig,
    given: {},
    async spoil(agent, path) {
      const pushes = [{ from: { namespace, secret: 'local' }, to: 'lab' }];
      await writeFile(path, JSON.stringify(config({ pushes })));
      await until(agent, (now) => now.sum('hikyaku_push_not_well', { source: 'lab' }) === 1);
    },
    mend: () => createSecret(admin, `${namespace}/local`, { PUSHED: 'x' }),
  }),

  HikyakuRestartsNotDone: trial(() => OF_AGENT, {
    given: { secret: { restart: ['Deployment/app'] } },
    async spoil(agent) {
      doppler.set(namespace, 'prd', 'A', 'new');
      await until(agent, (now) => now.sum('hikyaku_restarts', { state: 'refused' }) === 1);
    },
    mend: (path) => writeFile(path, JSON.stringify(config())),
  }),

  HikyakuNoticesRefused: trial(lab, {
    given: { source: { notices: { secret: { env: 'HOOK' } } } },
    flags: ['--receiver', '127.0.0.1:0'],
    async spoil(agent) {
      const { port } = await agent.logged({ msg: 'taking notices' });
      const url = `http://127.0.0.1:${String(port)}/notices/lab`;
      for (let sent = 0; sent < 5; sent++)
        await doppler.sendWebhook({ url, project: namespace, config: 'prd', signingSecret, mode: 'wrongly-signed' });
      await until(agent, (now) => now.sum('hikyaku_notices_total', { result: 'refused' }) === 5);
    },
    mend: () => {},
    isInstant: true,
  }),

  HikyakuDown: {
    labels: () => ({}),
    async *phases() {
      const path = await stage.configs.write(config());
      const agent = await start(path);
      yield await well(agent, BEFORE);
      await agent.stop();
      yield { minutes: LONG, scrapes: [] };
      yield await well(await start(path), LONG);
    },
  },

  HikyakuNoLeader: {
    labels: () => OF_AGENT,
    async *phases() {
      const path = await stage.configs.write(config());
      const before = await start(path, ['--leader-election']);
      yield await well(before, BEFORE);
      await before.stop();
      // Somebody who is gone had taken it.
      await holdLease('gone');
      const agent = await start(path, ['--leader-election']);
      await agent.logged({ msg: 'waiting to lead' });
      yield await standing(agent, LONG);
      await holdLease('');
      yield await well(agent, LONG);
    },
  },

  HikyakuRestarting: {
    labels: () => TARGET,
    async *phases() {
      const path = await stage.configs.write(config());
      let agent = await start(path);
      yield await well(agent, BEFORE);
      for (let times = 0; times < 4; times++) {
        await agent.stop();
        agent = await start(path);
        yield await well(agent, SHORT);
      }
      await agent.stop();
      // It waits longer and longer until it is started again.
      yield { minutes: SHORT, scrapes: [] };
      yield await well(await start(path), LONG);
    },
    isInstant: true,
    besides: { alert: 'HikyakuDown', labels: {} },
  },
};

test.for(Object.entries(TRIALS))(
  '%s fires in its fault and clears after it',
  async ([alert, one], { onTestFailed }) => {
    onTestFailed(
      () => void process.stderr.write([...stage.running].map(({ output }) => output.slice(-2_000)).join('\n')),
    );
    const told = new AlertTrial();
    const ends: number[] = [];
    for await (const phase of one.phases()) {
      told.add(phase);
      ends.push(told.minutes);
    }
    const alerts = [{ alert, labels: one.labels() }];
    const inTheFault = ends.at(-2) ?? 0;
    await told.expect([
      { minute: BEFORE - 1 },
      ...(one.isInstant ? [] : [{ minute: BEFORE + (one.pendingAfter ?? 0), pending: alerts }]),
      { minute: inTheFault - 1, firing: alerts, ...(one.besides && { pending: [one.besides] }) },
      { minute: told.minutes - 1 },
    ]);
  },
);

test('every alert has its fault here, and promtool finds nothing wrong with any', async () => {
  const rules = await readAlertRules();
  expect(Object.keys(TRIALS).toSorted()).toEqual(rules.map(({ alert }) => alert).toSorted());
  const said = await promtool('check', 'rules', '--lint=all', '--lint-fatal', 'deploy/prometheus-rules.yaml');
  expect(said).toContain(`${rules.length} rules found`);
});

test('every alert says in words of one line what it is, what to do, and where there is more', async () => {
  for (const { alert, labels, annotations } of await readAlertRules()) {
    expect(labels, alert).toEqual({ severity: expect.stringMatching(/^(critical|warning)$/) });
    expect(Object.keys(annotations), alert).toEqual(['summary', 'description']);
    expect(annotations.description, alert).toMatch(
      /(hikyaku (status|approve|refresh)|kubectl -n hikyaku|notices\.secret)/,
    );
    expect(annotations.description, alert).toMatch(/docs\/(troubleshooting|operate)\.md\.$/);
    expect(annotations.description, alert).not.toContain('\n');
  }
});
