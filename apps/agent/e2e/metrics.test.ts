import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FakeDoppler } from '@hikyaku/provider-doppler/testing';
import type { Running } from '@hikyaku/testbed';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { LeakSearch } from '../../../tools/testbed/src/leak-search.ts';
import { METRICS } from '../src/metrics/metrics.ts';
import { promtool, readAlertRules, scrape, scrapeUntil } from './metrics.test.kit.ts';
import type { Scrape } from './metrics.test.kit.ts';
import { Stage } from './stage.test.kit.ts';

// What Prometheus is told by the built agent, and whether the dashboard and the alert rules ask for what there is.

/** What Prometheus adds by itself, or is told to. */
const OF_TARGET = ['job', 'instance', 'namespace', 'pod', 'node', 'cluster'];
const DASHBOARD = new URL('../../../deploy/grafana-dashboard.json', import.meta.url);

let stage: Stage;
let doppler: FakeDoppler;
let namespace: string;

beforeAll(async () => {
  stage = await Stage.open('metrics', { controllers: false });
  ({ doppler } = stage);
});
beforeEach(async () => {
  namespace = await stage.begin();
  doppler.resetCounters();
});
afterEach(() => stage.end());
afterAll(() => stage?.[Symbol.asyncDispose]());

type Values = Readonly<Record<string, string>>;

function source(name: string, values: Values, more: object = {}): object {
  doppler.addConfig(namespace, name, values);
  return stage.source(name, { hold: 'off', ...more });
}

function secret(name: string, more: object): object {
  return { name, namespace, ...more };
}

function start(path: string, { flags = [] as readonly string[], access = stage.kubeconfig, env = {} } = {}): Running {
  const args = ['run', '--health', '127.0.0.1:0', '--config', path, '--kubeconfig', access, ...flags];
  return stage.start(args, { env: { ...stage.env, ...env } });
}

async function until(agent: Running, holds: (now: Scrape) => boolean): Promise<Scrape> {
  return await scrapeUntil(agent, holds, { timeout: 90_000 });
}

/** An agent in which much goes wrong, so that every metric says something. */
async function startTroubled(): Promise<{ readonly agent: Running; readonly told: Scrape }> {
  const providers = {
    good: source('good', { A: '1' }, { notices: { secret: { env: 'HOOK' } } }),
    bad: source('bad', { A: '1' }),
    shrinking: source('shrinking', { A: '1', B: '2', C: '3' }, { hold: { lostKeys: '50%' } }),
  };
  const secrets = [
    secret('good', { from: 'good', restart: ['Deployment/app'] }),
    secret('kept', { from: 'good', data: { x: 'MISSING' } }),
    secret('held', { from: 'shrinking' }),
    secret('bad', { from: 'bad' }),
  ];
  const pushes = [{ from: { namespace, secret: 'local' }, to: 'good' }];
  const path = await stage.configs.write({ resync: '5s', hold: 'off', providers, secrets, pushes });
  const agent = start(path, {
    flags: ['--receiver', '127.0.0.1:0'],
    access: stage.cluster.kubeconfig,
    env: { HOOK: 'x'.repeat(32) },
  });
  await until(agent, (now) => now.sum('hikyaku_secrets', { state: 'synced' }) === 3);
  for (const name of ['B', 'C']) doppler.remove(namespace, 'shrinking', name);
  doppler.set(namespace, 'good', 'A', '2');
  doppler.fail({ kind: '401', times: 1_000_000, project: namespace, config: 'bad' });
  const told = await until(
    agent,
    (now) =>
      now.sum('hikyaku_holds') === 1 &&
      now.sum('hikyaku_source_failing') === 1 &&
      now.sum('hikyaku_push_not_well') === 1 &&
      now.sum('hikyaku_restarts') === 1,
  );
  return { agent, told };
}

/** By metric, the labels that it has been seen with. */
function labelsSeen({ series }: Scrape): ReadonlyMap<string, ReadonlySet<string>> {
  const seen = new Map<string, Set<string>>();
  for (const { name, labels } of series)
    seen.set(name, new Set([...(seen.get(name) ?? OF_TARGET), ...Object.keys(labels)]));
  return seen;
}

interface Asked {
  readonly where: string;
  readonly expr: string;
  /** Labels that a text of it is made of. */
  readonly shown: readonly string[];
}

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly type: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly refId: string; readonly expr: string; readonly legendFormat: string }[];
}

interface Dashboard {
  readonly schemaVersion: number;
  readonly uid: string;
  readonly panels: readonly Panel[];
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly query: string | { readonly query: string } }[];
  };
}

async function readDashboard(): Promise<Dashboard> {
  return JSON.parse(await readFile(DASHBOARD, 'utf8'));
}

async function allAsked(): Promise<readonly Asked[]> {
  const rules = await readAlertRules();
  const { panels, templating } = await readDashboard();
  return [
    ...rules.map(({ alert, expr, annotations }) => ({
      where: alert,
      expr,
      shown: [
        ...Object.values(annotations)
          .join()
          .matchAll(/\$labels\.(\w+)/g),
      ].map(([, label = '']) => label),
    })),
    ...panels.flatMap(({ title, targets = [] }) =>
      targets.map(({ expr, legendFormat }) => ({
        where: title,
        expr: expr.replaceAll('$__rate_interval', '5m'),
        shown: [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = '']) => label),
      })),
    ),
    ...templating.list.flatMap(({ name, query }) => {
      const [, expr = '', label = ''] =
        /^label_values\((.*), (\w+)\)$/.exec(typeof query === 'string' ? '' : query.query) ?? [];
      return expr === '' ? [] : [{ where: `variable ${name}`, expr, shown: [label] }];
    }),
  ];
}

/** Each selector of an expression, by Prometheus's own parser: it puts a mark into all of them, and into nothing else. */
async function selectorsOf(
  expr: string,
): Promise<readonly { readonly name: string; readonly labels: readonly string[] }[]> {
  const marked = await promtool('--experimental', 'promql', 'label-matchers', 'set', expr, 'mark', 'x');
  return [...marked.matchAll(/([a-z_:]+)\{([^}]*\bmark="x"[^}]*)\}/g)].map(([, name = '', matchers = '']) => ({
    name,
    labels: [...matchers.matchAll(/(\w+)(?:=~|!~|!=|=)"/g)]
      .map(([, label = '']) => label)
      .filter((label) => label !== 'mark'),
  }));
}

test('the dashboard and the alert rules ask for metrics and labels that a running agent has', async () => {
  const { told } = await startTroubled();
  const seen = labelsSeen(told);
  const wrong: string[] = [];
  const used = new Set<string>();
  for (const { where, expr, shown } of await allAsked()) {
    const selectors = await selectorsOf(expr);
    expect(selectors.length, expr).toBeGreaterThan(0);
    const grouped = [...expr.matchAll(/\b(?:by|on|ignoring|without) \(([^)]*)\)/g)].flatMap(([, list = '']) =>
      list.split(', '),
    );
    const known = new Set(selectors.flatMap(({ name }) => [...(seen.get(name) ?? [])]));
    for (const { name, labels } of selectors) {
      used.add(name.replace(/_bucket$/, ''));
      if (!seen.has(name)) wrong.push(`${where}: no metric ${name}`);
      for (const label of labels)
        if (seen.get(name)?.has(label) !== true) wrong.push(`${where}: ${name} has no ${label}`);
    }
    for (const label of [...grouped, ...shown]) if (!known.has(label)) wrong.push(`${where}: nothing has ${label}`);
  }
  expect(wrong).toEqual([]);
  // And nothing is told that nobody looks at.
  const unused = Object.keys(METRICS).filter((name) => !used.has(name));
  expect(unused).toEqual([
    'hikyaku_secrets_not_well_left_out',
    'hikyaku_pushes_not_well_left_out',
    'hikyaku_config_last_reload_success_timestamp_seconds',
  ]);
});

test('the dashboard is whole: each panel has its place, its number and its questions', async () => {
  const { schemaVersion, uid, panels, templating } = await readDashboard();
  expect([schemaVersion >= 39, uid]).toEqual([true, 'hikyaku']);
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  expect(templating.list.map(({ name }) => name)).toEqual(['datasource', 'cluster', 'namespace', 'pod']);
  // The same config serves several clusters: what is well in one hides nothing of another.
  const worst = panels.flatMap(({ targets = [] }) => targets).filter(({ expr }) => /\b(?:max|min) by \(/.test(expr));
  for (const { expr } of worst) expect(expr).toMatch(/\b(?:max|min) by \(cluster\b/);
  const taken = new Set<string>();
  for (const {
    title,
    type,
    targets = [],
    gridPos: { x, y, w, h },
  } of panels) {
    expect(type === 'row' || targets.length > 0, title).toBe(true);
    expect(new Set(targets.map(({ refId }) => refId)).size, title).toBe(targets.length);
    expect(x + w, title).toBeLessThanOrEqual(24);
    for (let column = x; column < x + w; column++)
      for (let line = y; line < y + h; line++) {
        expect(taken.has(`${column} ${line}`), title).toBe(false);
        taken.add(`${column} ${line}`);
      }
  }
});

test('what the dashboard asks has an answer while much goes wrong', async () => {
  const { told } = await startTroubled();
  const folder = await mkdtemp(join(tmpdir(), 'hikyaku-dashboard-'));
  try {
    const { panels } = await readDashboard();
    const target = 'job="hikyaku", instance="10.0.0.7:8080"';
    const input = told.series.map(({ name, labels, value }) => {
      const pairs = Object.entries(labels).map(([label, text]) => `${label}="${text}"`);
      return { series: `${name}{${[target, ...pairs].join(', ')}}`, values: `${value}+1x10` };
    });
    const exprs = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
    const asked = exprs.map((expr) =>
      expr.replaceAll('$__rate_interval', '5m').replaceAll(/\$(cluster|namespace|pod)/g, '.*'),
    );
    const questions = asked.map((expr) => ({
      expr: `count(${expr}) > bool 0`,
      eval_time: '9m',
      exp_samples: [{ labels: '{}', value: 1 }],
    }));
    const path = join(folder, 'test.yaml');
    await writeFile(path, stringify({ tests: [{ interval: '1m', input_series: input, promql_expr_test: questions }] }));
    expect(await promtool('test', 'rules', path)).toContain('SUCCESS');
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('promtool finds nothing wrong with what is told, which is the text format', async () => {
  const { told } = await startTroubled();
  expect(told.type).toBe('text/plain; version=0.0.4; charset=utf-8');
  const folder = await mkdtemp(join(tmpdir(), 'hikyaku-metrics-'));
  try {
    const path = join(folder, 'metrics');
    await writeFile(path, told.text);
    expect(await promtoolCheck(path)).toBe('');
  } finally {
    await rm(folder, { recursive: true });
  }
  // All that it may say is said now.
  const names = new Set(told.series.map(({ name }) => name.replace(/_(bucket|sum|count)$/, '')));
  expect(Object.keys(METRICS).filter((name) => !names.has(name))).toEqual([]);
});

test('requests are those that the service has counted, by status, and those that brought nothing apart', async () => {
  const providers = { lab: source('lab', { A: '1' }) };
  const path = await stage.configs.write({
    resync: '1h',
    hold: 'off',
    providers,
    secrets: [secret('app', { from: 'lab' })],
  });
  const agent = start(path);
  await until(agent, (now) => now.sum('hikyaku_requests_total', { cached: 'true' }) >= 2);
  // After it nothing is asked, so that both are counted at the same time.
  doppler.fail({ kind: '429', times: 1, project: namespace, retryAfter: 3_600 });
  const told = await until(agent, (now) => now.sum('hikyaku_source_reads_total', { result: 'failed' }) === 1);
  const by = Object.groupBy(doppler.requests, ({ status }) => status);
  const counted = Object.fromEntries(Object.entries(by).map(([status, all = []]) => [status, all.length]));
  const said = told.series.filter(({ name }) => name === 'hikyaku_requests_total');
  expect(Object.fromEntries(said.map(({ labels, value }) => [labels['status'], value]))).toEqual(counted);
  expect(told.sum('hikyaku_requests_total', { source: 'lab' })).toBe(doppler.counters.requests);
  expect(told.sum('hikyaku_requests_total', { cached: 'true' })).toBe(by[304]?.length);
  expect(told.values('hikyaku_requests_total', { cached: 'true', status: '304' })).toHaveLength(1);
  // Each read was one request here.
  expect(told.sum('hikyaku_source_reads_total')).toBe(doppler.counters.requests);
  expect(told.sum('hikyaku_source_read_seconds_count', { source: 'lab' })).toBe(doppler.counters.requests);
  expect(told.sum('hikyaku_source_reads_total', { result: 'failed' })).toBe(1);
});

test('1,000 Secrets of 50 sources are at most 2,000 series, all well or none', { timeout: 300_000 }, async () => {
  const names = Array.from({ length: 50 }, (_, index) => `s${index}`);
  const providers = Object.fromEntries(names.map((name) => [name, source(name, { A: '1' }, { refresh: '10s' })]));
  const secrets = Array.from({ length: 1_000 }, (_, index) =>
    secret(`app-${index}`, { from: `s${index % 50}`, data: { a: 'A' } }),
  );
  const agent = start(await stage.configs.write({ resync: '1h', hold: 'off', providers, secrets }));
  const atRest = await until(agent, (now) => now.sum('hikyaku_secrets', { state: 'synced' }) === 1_000);
  expect(atRest.values('hikyaku_secret_not_well')).toEqual([]);
  expect(atRest.series.length).toBeLessThan(2_000);

  for (const name of names) doppler.addConfig(namespace, name, { B: '2' });
  const failing = await until(agent, (now) => now.sum('hikyaku_secrets', { state: 'kept' }) === 1_000);
  expect(failing.values('hikyaku_secret_not_well')).toHaveLength(100);
  expect(failing.values('hikyaku_secrets_not_well_left_out')).toEqual([900]);
  expect(failing.series.length).toBeLessThan(2_000);
});

test('a source that leaves the config leaves nothing behind', async () => {
  const providers = { stays: source('stays', { A: '1' }), leaving: source('leaving', { A: '1' }) };
  const path = await stage.configs.write({
    hold: 'off',
    providers,
    secrets: [secret('stays', { from: 'stays' }), secret('leaving', { from: 'leaving' })],
  });
  const agent = start(path);
  await until(agent, (now) => now.sum('hikyaku_secrets', { state: 'synced' }) === 2);
  const { stays } = providers;
  await writeFile(
    path,
    JSON.stringify({ hold: 'off', providers: { stays }, secrets: [secret('stays', { from: 'stays' })] }),
  );
  const told = await until(agent, ({ text }) => !text.includes('leaving'));
  expect(told.sum('hikyaku_source_reads_total', { source: 'stays' })).toBeGreaterThan(0);
  expect(told.sum('hikyaku_writes_total', { outcome: 'deleted' })).toBe(1);
});

test('a replica that waits says that it does not lead, and nothing of any state', async () => {
  const providers = { lab: source('lab', { A: '1' }) };
  const path = await stage.configs.write({ hold: 'off', providers, secrets: [secret('app', { from: 'lab' })] });
  const flags = ['--leader-election'];
  const leader = start(path, { flags });
  await leader.logged({ msg: 'leading' });
  const waiting = start(path, { flags });
  await waiting.logged({ msg: 'waiting to lead' });
  const leading = await until(leader, (now) => now.sum('hikyaku_secrets', { state: 'synced' }) === 1);
  const told = await scrape(waiting);
  expect([leading.values('hikyaku_leader'), told.values('hikyaku_leader')]).toEqual([[1], [0]]);
  const names = new Set(told.series.map(({ name }) => name));
  expect([...names].filter((name) => /^hikyaku_(sources?|secrets?|push|hold|held|restarts|config)/.test(name))).toEqual(
    [],
  );
});

test('neither a value nor a token nor a path is told, whatever goes wrong', async () => {
  const leaks = new LeakSearch();
  const value = randomBytes(20).toString('hex');
  leaks.add('value', value);
  leaks.add('token', stage.env.DOPPLER_TOKEN);
  const providers = {
    good: source('good', { A: value }),
    bad: source('bad', { A: value }),
    gone: { type: 'webhook', url: `${doppler.url}/hidden-path`, protocol: 'hikyaku', refresh: '1s' },
  };
  const secrets = ['good', 'bad', 'gone'].map((name) => secret(name, { from: name }));
  const agent = start(await stage.configs.write({ resync: '1s', hold: 'off', providers, secrets }));
  await until(agent, (now) => now.sum('hikyaku_secrets', { state: 'synced' }) === 2);
  for (const kind of ['401', 'not-json', 'reset', 'half-json', '429'] as const) {
    doppler.fail({ kind, times: 1_000_000, project: namespace });
    const { text } = await until(agent, (now) => now.sum('hikyaku_source_failing') === 3);
    expect(leaks.find(text, '/metrics')).toEqual([]);
    expect(text).not.toMatch(/https?:|hidden/);
    doppler.clearFaults();
    await until(agent, (now) => now.sum('hikyaku_sources', { state: 'ok' }) === 2);
  }
});

/** What it complains of. */
async function promtoolCheck(path: string): Promise<string> {
  const { execFile } = await import('node:child_process');
  const { ensureReferenceTool } = await import('@hikyaku/reference-tools');
  const tool = await ensureReferenceTool('promtool');
  const text = await readFile(path, 'utf8');
  return await new Promise((resolve) => {
    const child = execFile(tool, ['check', 'metrics'], (_, stdout, stderr) => resolve(stdout + stderr));
    child.stdin?.end(text);
  });
}
