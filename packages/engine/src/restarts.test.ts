import { describe, expect, test } from 'vitest';
import { createWorld, entryOf, everything, half, signal, snapshot, spec } from './engine.test.kit.ts';
import type { WorldOptions } from './engine.test.kit.ts';
import { Restarts } from './restarts.ts';
import type { SecretId } from './secret-spec.ts';
import { TargetError } from './target.ts';
import type { RestartAnswer, RestartOptions, WorkloadId, Workloads } from './workloads.ts';

class MemoryWorkloads implements Workloads {
  /** `web/Deployment/web app,db` */
  readonly calls: string[] = [];
  readonly options: RestartOptions[] = [];
  readonly found = new Map<WorkloadId, ReadonlySet<string>>();
  answer: (workload: WorkloadId, options: RestartOptions) => RestartAnswer | Error = () => RESTARTED;

  async list(namespace: string): Promise<ReadonlyMap<WorkloadId, ReadonlySet<string>>> {
    this.calls.push(`list ${namespace}`);
    return this.found;
  }

  async restart(workload: WorkloadId, options: RestartOptions): Promise<RestartAnswer> {
    this.calls.push(`${workload} ${options.changes.map(({ id }) => id.split('/')[1]).join(',')}`);
    this.options.push(options);
    const answer = this.answer(workload, options);
    if (answer instanceof Error) throw answer;
    return answer;
  }

  took(): readonly string[] {
    return this.calls.splice(0);
  }
}

const RESTARTED: RestartAnswer = { outcome: 'restarted', messages: [] };
const app = spec('web/app', { bulk: [everything('homelab')], restart: ['Deployment/web'] });
const db = spec('web/db', { bulk: [everything('homelab')], restart: ['Deployment/web', 'StatefulSet/db'] });

/** A daemon whose Secrets were put once. */
async function running(options: Partial<WorldOptions> = {}, refusal?: (workload: WorkloadId) => string | undefined) {
  const { specs = [app] } = options;
  const world = createWorld({ ...options, specs });
  const { clock, report, reconciler } = world;
  const workloads = new MemoryWorkloads();
  const restarts = new Restarts({
    debts: reconciler,
    workloads,
    report,
    clock,
    random: half,
    ...(refusal && { refusal }),
  });
  const stop = new AbortController();
  const ended = restarts.run({ signal: stop.signal });
  await world.refresh();
  await world.reconcile();
  return {
    ...world,
    workloads,
    async change(values: Readonly<Record<string, string>>): Promise<void> {
      await world.refresh(snapshot(values));
      await world.reconcile();
    },
    said(): readonly string[] {
      return report.restarts.splice(0).map(({ workload, state }) => `${workload} ${state}`);
    },
    owed: () => [...world.inventory.saved.values()].flatMap(({ id, owedRestart }) => (owedRestart ? [id] : [])),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await ended;
    },
  };
}

describe('a change of the data', () => {
  test('restarts what is named, once, after a while', async () => {
    await using world = await running();
    await world.clock.advance(60_000);
    expect(world.workloads.took()).toEqual([]);
    await world.change({ A: '2' });
    await world.clock.advance(4_000);
    expect(world.workloads.took()).toEqual([]);
    expect(world.owed()).toEqual(['web/app']);
    await world.clock.advance(1_500);
    expect(world.workloads.took()).toEqual(['web/Deployment/web app']);
    expect(world.workloads.options[0]?.changes).toMatchObject([{ id: 'web/app', keys: ['A'] }]);
    expect(world.said()).toEqual(['web/Deployment/web restarted']);
    expect(world.owed()).toEqual([]);
    await world.reconcile({ resync: true });
    await world.clock.advance(3_600_000);
    expect(world.workloads.took()).toEqual([]);
  });

  test('with those of other Secrets is one restart of each workload', async () => {
    await using world = await running({ specs: [app, db] });
    await world.change({ A: '2' });
    await world.clock.advance(10_000);
    expect(world.workloads.took()).toEqual(['web/Deployment/web app,db', 'web/StatefulSet/db db']);
  });

  test('soon after another waits a minute from the first restart', async () => {
    await using world = await running();
    await world.change({ A: '2' });
    await world.clock.advance(5_500);
    await world.change({ A: '3', B: '1' });
    await world.change({ A: '4' });
    await world.clock.advance(50_000);
    expect(world.workloads.took()).toHaveLength(1);
    await world.clock.advance(15_000);
    expect(world.workloads.took()).toEqual(['web/Deployment/web app']);
    expect(world.workloads.options[1]?.changes[0]?.keys).toEqual(['A', 'B']);
  });

  test('back to what it was is a change too, and tells itself from the first', async () => {
    await using world = await running();
    for (const value of ['2', '1', '2']) {
      await world.change({ A: value });
      await world.clock.advance(70_000);
    }
    const changes = world.workloads.options.map((options) => options.changes[0]?.change);
    expect(new Set(changes).size).toBe(3);
  });

  test('restarts whatever uses it, found by one look', async () => {
    const all = { bulk: [everything('homelab')], restart: true } as const;
    await using world = await running({ specs: [spec('web/app', all), spec('web/unused', all)] });
    world.workloads.found.set('web/Deployment/a', new Set(['app'])).set('web/DaemonSet/b', new Set(['other']));
    await world.change({ A: '2' });
    await world.clock.advance(10_000);
    expect(world.workloads.took()).toEqual(['list web', 'web/Deployment/a app']);
    expect(world.owed()).toEqual([]);
  });
});

describe('nothing is restarted', () => {
  test('for what is put right, or put by an agent that starts', async () => {
    await using world = await running();
    world.target.tamper('web/app', 'A', 'x');
    world.reconciler.putAgain(['web/app']);
    expect(await world.reconcile()).toEqual(['web/app synced repaired']);
    await using another = await running({ entries: [...world.inventory.saved.values()] });
    expect(another.owed()).toEqual([]);
    await world.clock.advance(60_000);
    await another.clock.advance(60_000);
    expect([world, another].flatMap(({ workloads }) => workloads.took())).toEqual([]);
  });

  test('for a label', async () => {
    await using world = await running();
    const labelled = spec('web/app', { ...app, items: {}, labels: { team: 'web' } });
    world.reconciler.update({
      specs: [labelled],
      sources: world.sources,
      holds: { lostSecrets: 'off', lostKeys: new Map() },
    });
    expect(await world.reconcile()).toEqual(['web/app synced updated']);
    await world.clock.advance(60_000);
    expect(world.workloads.took()).toEqual([]);
  });

  test('when everything only looks changed, as the key of the HMACs was lost', async () => {
    await using world = await running();
    const { resourceVersion } = world.inventory.saved.get('web/app') ?? {};
    const entry = { ...entryOf('web/app', { A: 'of another key' }), ...(resourceVersion && { resourceVersion }) };
    const next = createWorld({ specs: [app], entries: [entry] });
    next.target.stored.set('web/app', world.target.stored.get('web/app') ?? raise());
    await next.refresh();
    expect(await next.reconcile()).toEqual(['web/app synced unchanged']);
    expect(next.reconciler.owedRestarts).toEqual([]);
  });

  test('while somebody fights over the Secret', async () => {
    await using world = await running();
    for (let round = 0; round < 3; round++) {
      world.target.tamper('web/app', 'A', `x${round}`);
      world.reconciler.putAgain(['web/app']);
      await world.reconcile();
    }
    await world.change({ A: '2' });
    await world.clock.advance(20_000);
    expect(world.report.secrets.length).toBe(0);
    expect(world.workloads.took()).toEqual([]);
    expect(world.owed()).toEqual(['web/app']);
  });

  test('while it is not granted: not even tried, and said once a minute', async () => {
    let isGranted = false;
    await using world = await running({}, () => (isGranted ? undefined : 'grants.yaml has to say: restarts: [web/*]'));
    await world.change({ A: '2' });
    await world.clock.advance(300_000);
    expect(world.workloads.took()).toEqual([]);
    expect(new Set(world.said())).toEqual(new Set(['web/Deployment/web refused']));
    isGranted = true;
    await world.clock.advance(70_000);
    expect(world.workloads.took()).toEqual(['web/Deployment/web app']);
  });
});

describe('what cannot be restarted now', () => {
  test('is tried again, more and more seldom, and the Secret stays synced', async () => {
    await using world = await running();
    world.workloads.answer = () => new TargetError('FORBIDDEN', 'no right');
    await world.change({ A: '2' });
    await world.clock.advance(3_600_000);
    const tries = world.workloads.took().length;
    expect(tries).toBeGreaterThan(8);
    expect(tries).toBeLessThan(20);
    expect(new Set(world.said())).toEqual(new Set(['web/Deployment/web refused']));
    world.workloads.answer = () => RESTARTED;
    await world.clock.advance(720_000);
    expect(world.said()).toEqual(['web/Deployment/web restarted']);
    expect(world.owed()).toEqual([]);
  });

  test('and appears later, has new Pods anyway', async () => {
    await using world = await running();
    world.workloads.answer = () => ({ outcome: 'absent', messages: ['not there'] });
    await world.change({ A: '2' });
    await world.clock.advance(7_000);
    expect(world.said()).toEqual(['web/Deployment/web failed']);
    world.workloads.answer = (_, { wasAbsent }) => ({ outcome: wasAbsent ? 'done' : 'restarted', messages: [] });
    await world.clock.advance(20_000);
    expect(world.workloads.options.map(({ wasAbsent }) => wasAbsent)).toEqual([false, true]);
    await world.change({ A: '3' });
    await world.clock.advance(20_000);
    expect(world.workloads.options.at(-1)?.wasAbsent).toBe(false);
  });

  test('as it is still busy with the last restart, is given five minutes', async () => {
    await using world = await running();
    await world.change({ A: '2' });
    await world.clock.advance(6_000);
    world.workloads.answer = (_, { interrupt }) => ({ outcome: interrupt ? 'restarted' : 'busy', messages: [] });
    await world.change({ A: '3' });
    await world.clock.advance(280_000);
    expect(world.said()).toContain('web/Deployment/web waiting');
    expect(world.owed()).toEqual(['web/app']);
    await world.clock.advance(60_000);
    expect(world.said().at(-1)).toBe('web/Deployment/web restarted');
    expect(world.owed()).toEqual([]);
  });

  test('is forgotten when the config does not want it any more', async () => {
    await using world = await running();
    world.workloads.answer = () => new TargetError('UNAVAILABLE', 'down');
    await world.change({ A: '2' });
    await world.clock.advance(6_000);
    const { restart: _, ...without } = app;
    world.reconciler.update({
      specs: [without],
      sources: world.sources,
      holds: { lostSecrets: 'off', lostKeys: new Map() },
    });
    await world.reconcile();
    await world.clock.advance(600_000);
    expect(world.said().at(-1)).toBe('web/Deployment/web left');
    expect(world.owed()).toEqual([]);
  });
});

describe('after a crash', () => {
  const before = { ...entryOf('web/app', { A: '1' }), resourceVersion: '1' };

  async function next(crashed: Awaited<ReturnType<typeof running>>, ids: readonly SecretId[] = ['web/app']) {
    const world = createWorld({
      specs: [app],
      entries: [...crashed.inventory.saved.values()],
      answer: crashed.client.answer,
    });
    for (const id of ids) {
      const live = crashed.target.stored.get(id);
      if (live !== undefined) world.target.stored.set(id, live);
    }
    const workloads = new MemoryWorkloads();
    await world.refresh();
    await world.reconcile();
    await new Restarts({ debts: world.reconciler, workloads, report: world.report, clock: world.clock }).once({
      signal,
    });
    return workloads.took();
  }

  test.each([
    ['before the put', (call: string) => call.startsWith('put')],
    ['after it', () => false],
  ])('%s the restart is still owed', async (_, dies) => {
    await using world = await running({ entries: [before] });
    world.target.fail = (call) => (dies(call) ? new Error('killed') : undefined);
    // The save after the put comes too late.
    const save = world.inventory.save.bind(world.inventory);
    let saves = 0;
    world.inventory.save = async () => {
      if (++saves === 2) throw new Error('killed');
      await save();
    };
    await world.change({ A: '2' }).catch(() => {});
    expect(world.inventory.saved.get('web/app')?.announcedRestart?.keys).toEqual(['A']);
    expect(world.owed()).toEqual([]);
    expect(await next(world)).toEqual(['web/Deployment/web app']);
  });

  test('before the put, and the source is as it was before: nothing is owed', async () => {
    await using world = await running({ entries: [before] });
    world.target.fail = () => new Error('killed');
    await world.change({ A: '2' }).catch(() => {});
    world.client.answer = snapshot({ A: '1' });
    expect(await next(world)).toEqual([]);
  });
});

function raise(): never {
  throw new Error('not there');
}
