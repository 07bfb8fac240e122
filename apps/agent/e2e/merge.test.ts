import { randomBytes } from 'node:crypto';
import type { FakeDoppler } from '@hikyaku/provider-doppler/testing';
import {
  applyYaml,
  createNamespace,
  createSecret,
  deleteSecret,
  eventually,
  field,
  hikyaku,
  patchSecret,
  readInventory,
  readSecret,
  succeeded,
  writeInventory,
} from '@hikyaku/testbed';
import type { Api, Finished, LiveSecret, Running, SecretOptions } from '@hikyaku/testbed';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Stage } from './stage.test.kit.ts';

// Keys of our own in somebody else's Secret: with the built agent under its own rights, the owner's Role and the owner's label.

const project = 'homelab';
const AGREED = { 'hikyaku.dev/merge': 'hikyaku' };
/** What a chart makes: of a type, with labels and annotations that nobody grants. */
const CHART = {
  type: 'example.com/chart',
  annotations: { 'meta.helm.sh/release-name': 'web' },
  finalizers: ['example.com/keep'],
} as const;
const CHART_LABELS = { 'app.kubernetes.io/managed-by': 'Helm', team: 'web' };

let stage: Stage;
let admin: Api;
let doppler: FakeDoppler;

/** Of the test that runs. */
let namespace: string;
let config: string;
/** What the source holds. */
let held: Readonly<Record<string, string>>;
/** What the owner holds, a binary value among it. */
let theirs: Readonly<Record<string, string>>;

beforeAll(async () => {
  stage = await Stage.open('web');
  ({ admin, doppler } = stage);
});
beforeEach(async () => {
  namespace = await stage.begin();
  config = namespace.replace('-', '_');
  held = { A: value(), B: value() };
  theirs = { password: value(), OTHER: value() };
  doppler.addConfig(project, config, held);
});
afterEach(() => stage.end());
afterAll(() => stage?.[Symbol.asyncDispose]());

describe('an agent without rights that were given', () => {
  test('says both commands; when they were run, its keys arrive, and nothing else changes', async () => {
    const before = await chart('app', { labels: {} });
    const agent = await run([entry('app')], {});
    const message = await problem(agent, 'app');
    expect(message).toContain('this account may not get it, and merging needs that');
    const [, label] = /kubectl label secret (\S+ --namespace \S+ \S+);/.exec(message) ?? [];
    expect(label).toBe(`app --namespace ${namespace} hikyaku.dev/merge=hikyaku`);
    expect(message).toContain(`hikyaku rights role ${id('app')} --merge | kubectl apply -f -`);

    await giveRole('app');
    // Now it may look, and sees that the label is missing.
    await expect.poll(() => word(agent, 'app'), { timeout: 15_000 }).toContain('has not agreed that keys are merged');
    expect(await live('app')).toEqual(before);

    await patchSecret(admin, id('app'), { metadata: { labels: AGREED } });
    await merged('app');
    await recovered(agent, 'app');
    expect(await live('app')).toEqual({
      ...before,
      resourceVersion: expect.any(String),
      labels: { ...CHART_LABELS, ...AGREED },
      data: { ...theirs, ...held },
    });
  });

  test('the label without the Role lets nothing through', async () => {
    const before = await chart('app');
    const done = await sync([entry('app')], {});
    expect(done.exitCode).toBe(1);
    expect(done.stdout).toContain('this account may not get it');
    expect(await live('app')).toEqual(before);
  });

  test('a Role that is taken back stops it; its keys stay, and it says how they can be left', async () => {
    await agreed('app');
    await sync([entry('app'), entry('other', { existing: 'refuse' })], {});
    const roles = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/rolebindings`;
    const names = field(succeeded(await admin('GET', roles)), 'items', 0, 'metadata', 'name');
    succeeded(await admin('DELETE', `${roles}/${String(names)}`));
    const others = [entry('other', { existing: 'refuse' })];
    await eventually(async () => (await sync(others, {})).exitCode === 1);
    const { stdout } = await sync(others, {});
    expect(stdout).toContain('put its entry back with `whenRemoved: keep`');
    expect((await live('app'))?.data).toEqual({ ...theirs, ...held });

    expect((await sync([entry('app', { whenRemoved: 'keep' }), ...others], {})).exitCode).toBe(1);
    const left = await sync(others, {});
    expect(left.stdout).toContain(`. ${id('app')}  left: its entry is gone from the config`);
    expect(left.exitCode).toBe(0);
    expect((await live('app'))?.data).toEqual({ ...theirs, ...held });
  });

  test('a namespace that the grants reserve is not written to', async () => {
    const name = `app-${namespace}`;
    const path = `kube-system/${name}`;
    await createSecret(admin, path, theirs, { labels: AGREED });
    await giveRole(name, 'kube-system');
    const wanted = entry(name, { namespace: 'kube-system' });
    await eventually(async () => (await sync([wanted], {})).stdout.includes('is not granted: namespace:'));
    expect((await command('plan', [wanted], {})).stdout).toContain('is not granted: namespace:');
    expect((await readSecret(admin, path))?.data).toEqual(theirs);
  });
});

describe.each([
  { who: 'the agent, under deploy/rights-own.yaml and a Role', kubeconfigOf: () => stage.kubeconfig },
  { who: 'a person, by a look', kubeconfigOf: () => stage.cluster.kubeconfig },
])('$who', ({ kubeconfigOf }) => {
  let kubeconfig: string;

  beforeAll(() => {
    kubeconfig = kubeconfigOf();
  });

  test('an absent Secret is waited for and never made; once its owner makes it, the keys arrive', async () => {
    await giveRole('app');
    const plan = await command('plan', [entry('app')], { kubeconfig });
    expect(plan.stdout).toContain(`! ${id('app')}  waiting`);
    const agent = await run([entry('app')], { kubeconfig });
    const said = await problem(agent, 'app');
    expect(said).toContain('does not exist, and `existing: merge` never makes it: waiting for its owner to');
    expect(agent.lastWord(id('app'))?.['state']).toBe('waiting');
    await resyncs(agent, 2);
    expect(await live('app')).toBeUndefined();
    expect((await readInventory(admin)).size).toBe(0);

    const before = await chart('app');
    await merged('app');
    expect(await live('app')).toEqual({ ...before, resourceVersion: expect.any(String), data: { ...theirs, ...held } });
  });

  test('without the label it is refused with the exact line, and untouched', async () => {
    const before = await chart('app', { labels: {} });
    await giveRole('app');
    const line = `kubectl label secret app --namespace ${namespace} hikyaku.dev/merge=hikyaku;`;
    const done = await sync([entry('app')], { kubeconfig });
    const plan = await command('plan', [entry('app')], { kubeconfig });
    expect([done.exitCode, plan.exitCode]).toEqual([1, 1]);
    for (const { stdout } of [done, plan]) expect(stdout).toContain(line);
    expect(await live('app')).toEqual(before);
    expect((await readInventory(admin)).size).toBe(0);
  });

  test('what others do with their keys is kept, and nothing is written for it', async () => {
    await agreed('app');
    const agent = await run([entry('app')], { kubeconfig });
    await merged('app');
    await agent.logged({ secret: id('app'), outcome: 'updated' });
    theirs = { password: value(), NEW: value() };
    const changed = await patchSecret(admin, id('app'), {
      metadata: { labels: { more: 'x' }, annotations: { more: 'x' } },
      data: { password: base64(theirs['password']), NEW: base64(theirs['NEW']), OTHER: null },
    });
    const inventory = await readInventory(admin);
    const from = agent.log.length;
    for (let times = 0; times < 2; times++)
      await agent.logged({ secret: id('app'), outcome: 'unchanged' }, { from: from + times });
    expect(await live('app')).toEqual(changed);
    expect(await readInventory(admin)).toEqual(inventory);
  });

  test.each<readonly [string, () => object]>([
    ['changed', () => ({ A: base64('theirs') })],
    ['removed', () => ({ A: null, B: null })],
  ])('a key of ours that somebody %s is repaired at the next resync', async (_, data) => {
    await agreed('app');
    const agent = await run([entry('app')], { kubeconfig });
    await merged('app');
    await agent.logged({ secret: id('app'), outcome: 'updated' });
    await patchSecret(admin, id('app'), { data: data() });
    await agent.logged({ secret: id('app'), outcome: 'repaired' });
    expect((await live('app'))?.data).toEqual({ ...theirs, ...held });
  });

  test('a key that is there already is named and not overwritten, until its owner removes it', async () => {
    theirs = { ...theirs, B: value() };
    const before = await agreed('app');
    const agent = await run([entry('app')], { kubeconfig });
    const said = await problem(agent, 'app');
    expect(said).toContain(`Secret ${id('app')} holds B already, with another value`);
    expect((await command('plan', [entry('app')], { kubeconfig })).stdout).toContain('holds B already');
    await resyncs(agent, 2);
    expect(await live('app')).toEqual(before);

    await patchSecret(admin, id('app'), { data: { B: null } });
    await recovered(agent, 'app');
    expect((await live('app'))?.data).toEqual({ ...theirs, ...held });
  });

  test('what the source changes and loses follows, in our keys only', async () => {
    await agreed('app');
    const agent = await run([entry('app')], { kubeconfig });
    await merged('app');
    held = { A: value() };
    doppler.set(project, config, 'A', held['A'] ?? '');
    doppler.remove(project, config, 'B');
    await merged('app');
    await agent.logged({ secret: id('app'), outcome: 'updated' });
  });

  test('plan shows the true difference, key by key, and of nobody else’s keys', async () => {
    await agreed('app');
    await sync([entry('app')], { kubeconfig });
    await patchSecret(admin, id('app'), { data: { A: base64('drift'), MORE: base64('x') } });
    doppler.set(project, config, 'C', 'new');
    doppler.remove(project, config, 'B');
    const before = await live('app');
    const { stdout } = await command('plan', [entry('app')], { kubeconfig });
    expect(stdout).toContain(
      [`  ~ ${id('app')}  update: merged into it, other keys stay`, '      + C', '      ~ A', '      - B', ''].join(
        '\n',
      ),
    );
    expect(stdout).not.toMatch(/MORE|password|OTHER/);
    expect(await live('app')).toEqual(before);
  });

  test('an entry that goes takes its keys with it and never the Secret; a key that is somebody else’s by now stays', async () => {
    const before = await agreed('app');
    await sync([entry('app'), entry('whole', { existing: 'refuse' })], { kubeconfig });
    await patchSecret(admin, id('app'), { data: { B: base64('the chart has it now') } });
    const wanted = [entry('whole', { existing: 'refuse' })];
    const plan = await command('plan', wanted, { kubeconfig });
    expect(plan.stdout).toContain(`- ${id('app')}  take keys out, the Secret stays`);
    const { stdout, exitCode } = await sync(wanted, { kubeconfig });
    expect(stdout).toContain(`- ${id('app')}  keys taken out, the Secret stays`);
    expect(exitCode).toBe(0);
    const data = { ...theirs, B: 'the chart has it now' };
    expect(await live('app')).toEqual({ ...before, resourceVersion: expect.any(String), data });
    expect([...(await readInventory(admin)).keys()]).toEqual([id('whole')]);
  });

  test('with `whenRemoved: keep` the keys stay when the entry goes', async () => {
    await agreed('app');
    const whole = entry('whole', { existing: 'refuse' });
    await sync([entry('app', { whenRemoved: 'keep' }), whole], { kubeconfig });
    const before = await live('app');
    expect((await command('plan', [whole], { kubeconfig })).stdout).toContain('the keys stay');
    expect((await sync([whole], { kubeconfig })).exitCode).toBe(0);
    expect(await live('app')).toEqual(before);
    expect([...(await readInventory(admin)).keys()]).toEqual([id('whole')]);
  });

  test('an owner who drops the label stops it, and keeps everything, also when the entry goes', async () => {
    await agreed('app');
    const whole = entry('whole', { existing: 'refuse' });
    const agent = await run([entry('app'), whole], { kubeconfig });
    await merged('app');
    const unlabelled = await patchSecret(admin, id('app'), { metadata: { labels: { 'hikyaku.dev/merge': null } } });
    expect(await problem(agent, 'app')).toContain('has not agreed that keys are merged');
    await resyncs(agent, 2);
    await agent.stop();
    expect((await sync([whole], { kubeconfig })).exitCode).toBe(0);
    expect(await live('app')).toEqual(unlabelled);
  });

  test('a Secret that its owner makes anew gets our keys again; a key of the same name is the owner’s', async () => {
    await agreed('app');
    await sync([entry('app')], { kubeconfig });
    await remove('app');
    const anew = { ...theirs, A: value() };
    await chart('app', {}, anew);
    const refused = await sync([entry('app')], { kubeconfig });
    expect(refused.stdout).toContain('holds A already');
    expect((await live('app'))?.data).toEqual(anew);
    await remove('app');
    await chart('app');
    expect((await sync([entry('app')], { kubeconfig })).exitCode).toBe(0);
    expect((await live('app'))?.data).toEqual({ ...theirs, ...held });
  });

  test('what an agent makes as a whole is nothing to merge into', async () => {
    const before = await chart('app', { labels: { ...AGREED, 'hikyaku.dev/agent': 'hikyaku' } });
    await giveRole('app');
    const { stdout, exitCode } = await sync([entry('app')], { kubeconfig });
    expect(stdout).toContain('carries the label hikyaku.dev/agent: this agent makes it as a whole');
    expect(exitCode).toBe(1);
    expect(await live('app')).toEqual(before);
  });

  test('an immutable Secret is refused', async () => {
    const before = await chart('app', { immutable: true });
    await giveRole('app');
    expect((await sync([entry('app')], { kubeconfig })).stdout).toContain(
      'is immutable: nothing can be merged into it',
    );
    expect(await live('app')).toEqual(before);
  });

  test('from merged to whole and back only by way of no entry at all', async () => {
    await agreed('app');
    const whole = entry('whole', { existing: 'refuse' });
    await sync([entry('app'), whole], { kubeconfig });
    const before = await live('app');
    const wantsWhole = await sync([entry('app', { existing: 'refuse' }), whole], { kubeconfig });
    expect(wantsWhole.stdout).toContain("is somebody else's, with keys that were merged into it");
    await patchSecret(admin, id('whole'), { metadata: { labels: AGREED } });
    await giveRole('whole');
    const wantsMerge = await sync([entry('app'), entry('whole')], { kubeconfig });
    expect(wantsMerge.stdout).toContain('was made by this agent as a whole');
    expect((await live('whole'))?.data).toEqual(held);
    expect([wantsWhole.exitCode, wantsMerge.exitCode]).toEqual([1, 1]);
    expect(await live('app')).toEqual(before);

    expect((await sync([whole], { kubeconfig })).exitCode).toBe(0);
    const refused = await sync([entry('app', { existing: 'refuse' }), whole], { kubeconfig });
    expect(refused.stdout).toContain('exists and is not ours');
    expect((await live('app'))?.data).toEqual(theirs);
  });

  test('while others write all the time nobody’s write is lost', async () => {
    await agreed('app');
    const agent = await run([entry('app')], { kubeconfig });
    await merged('app');
    let written = 0;
    const until = performance.now() + 4_000;
    const stranger = async () => {
      for (; performance.now() < until; written++)
        await patchSecret(admin, id('app'), { data: { COUNT: base64(String(written)) } });
    };
    const source = async () => {
      for (; performance.now() < until; await new Promise((resolve) => setTimeout(resolve, 200))) {
        held = { ...held, A: value() };
        doppler.set(project, config, 'A', held['A'] ?? '');
      }
    };
    await Promise.all([stranger(), source()]);
    expect(written).toBeGreaterThan(20);
    theirs = { ...theirs, COUNT: String(written - 1) };
    await merged('app');
    expect(agent.log.filter(({ state }) => state === 'synced').length).toBeGreaterThan(1);
  });

  test('after a crash between the write and the memory of it, a key is known by what it was to hold', async () => {
    await agreed('app');
    await sync([entry('app')], { kubeconfig });
    const { keys = {}, ...rest } = (await readInventory(admin)).get(id('app')) ?? {};
    expect(rest).toMatchObject({ existing: 'merge', shape: 'merged' });
    const announced = { existing: 'merge', whenRemoved: 'delete', keys: { homelab: { A: '', B: '' } }, intended: keys };
    await writeInventory(admin, new Map([[id('app'), announced]]));
    held = { ...held, A: value() };
    doppler.set(project, config, 'A', held['A'] ?? '');
    expect((await sync([entry('app')], { kubeconfig })).exitCode).toBe(0);
    expect((await live('app'))?.data).toEqual({ ...theirs, ...held });

    // What was announced and is another's is not ours by that.
    await writeInventory(admin, new Map([[id('app'), announced]]));
    await patchSecret(admin, id('app'), { data: { B: base64('theirs') } });
    expect((await sync([entry('app')], { kubeconfig })).stdout).toContain('holds B already');
  });

  test('killed again and again while it writes, it knows its keys from theirs', async () => {
    const before = await agreed('app');
    const wanted = [entry('app'), entry('whole', { existing: 'refuse' })];
    for (let times = 0; times < 8; times++) {
      held = { ...held, [`K${times}`]: value(), A: value() };
      for (const [key, text] of Object.entries(held)) doppler.set(project, config, key, text);
      const agent = await run(wanted, { kubeconfig });
      const ours = async () => (await live('app'))?.data['A'] === held['A'];
      // Right after the write, or with a little more time to remember it.
      await eventually(ours);
      await new Promise((resolve) => setTimeout(resolve, times * 3));
      await agent.stop('SIGKILL');
    }
    expect((await live('app'))?.data).toEqual({ ...theirs, ...held });
    const { exitCode } = await sync([entry('whole', { existing: 'refuse' })], { kubeconfig });
    expect(exitCode).toBe(0);
    expect(await live('app')).toEqual({ ...before, resourceVersion: expect.any(String) });
  });
});

test('two agents merge into one Secret, each with its own keys', async () => {
  await createNamespace(admin, 'second-agent');
  const before = await chart('app', { labels: { 'hikyaku.dev/merge': 'hikyaku.second-agent' } });
  await giveRole('app');
  const first = [entry('app', { from: undefined, data: { A: { from: 'homelab', key: 'A' } } })];
  const second = [entry('app', { from: undefined, data: { B: { from: 'homelab', key: 'B' } } })];
  const asSecond: Invocation = { kubeconfig: stage.cluster.kubeconfig, args: ['--namespace', 'second-agent'] };
  expect((await sync(first, {})).exitCode).toBe(0);
  expect((await sync(second, asSecond)).exitCode).toBe(0);
  expect((await live('app'))?.data).toEqual({ ...theirs, ...held });
  const taking = [entry('app', { from: undefined, data: { A: { from: 'homelab', key: 'B' } } })];
  expect((await sync(taking, asSecond)).stdout).toContain('holds A already');
  expect((await sync(first, {})).stdout).toContain('1 unchanged');

  const whole = entry('whole', { existing: 'refuse' });
  expect((await sync([whole], { args: ['--approve'] })).exitCode).toBe(0);
  expect((await live('app'))?.data).toEqual({ ...theirs, B: held['B'] });
  const other = entry('other', { existing: 'refuse' });
  expect((await sync([other], { ...asSecond, args: [...(asSecond.args ?? []), '--approve'] })).exitCode).toBe(0);
  expect(await live('app')).toEqual({ ...before, resourceVersion: expect.any(String) });
});

test('the namespace of the agent itself is an error of the config', async () => {
  const done = await sync([entry('app', { namespace: 'hikyaku' })], {});
  expect(done.exitCode).toBe(2);
  expect(done.stderr).toContain('is the namespace of the agent itself');
});

function value(): string {
  return randomBytes(24).toString('base64url');
}

function base64(text: string | undefined): string {
  return Buffer.from(text ?? '').toString('base64');
}

function id(name: string): string {
  return `${namespace}/${name}`;
}

/** As the owner makes it, with the label unless it says otherwise. */
async function chart(
  name: string,
  { labels = AGREED, ...more }: SecretOptions = {},
  values: Readonly<Record<string, string>> = theirs,
): Promise<LiveSecret> {
  return await createSecret(admin, id(name), values, { ...CHART, labels: { ...CHART_LABELS, ...labels }, ...more });
}

/** What the refusal says: hikyaku rights role … | kubectl apply -f - */
async function giveRole(name: string, where = namespace): Promise<void> {
  const { stdout, exitCode } = await hikyaku(['rights', 'role', `${where}/${name}`, '--merge']);
  expect(exitCode).toBe(0);
  await applyYaml(admin, stdout);
  await eventually(async () => {
    const review = {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      spec: {
        user: 'system:serviceaccount:hikyaku:hikyaku',
        resourceAttributes: { namespace: where, verb: 'get', resource: 'secrets', name },
      },
    };
    const answer = await admin('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', review);
    return field(answer.body, 'status', 'allowed') === true;
  });
}

/** A Secret of somebody who agrees, by Role and label. */
async function agreed(name: string): Promise<LiveSecret> {
  await giveRole(name);
  return await chart(name);
}

/** Also what has a finalizer. */
async function remove(name: string): Promise<void> {
  await patchSecret(admin, id(name), { metadata: { finalizers: null } });
  await deleteSecret(admin, id(name));
}

function entry(name: string, more: object = {}): object {
  return { name, namespace, from: 'homelab', existing: 'merge', ...more };
}

interface Invocation {
  /** The agent's by default. */
  readonly kubeconfig?: string;
  readonly args?: readonly string[];
}

async function write(secrets: readonly object[]): Promise<string> {
  const homelab = { type: 'doppler', url: doppler.url, token: { env: 'DOPPLER_TOKEN' }, refresh: '1s' };
  return await stage.configs.write({
    resync: '1s',
    hold: 'off',
    providers: { homelab: { ...homelab, hold: 'off' } },
    secrets,
  });
}

function env(): Readonly<Record<string, string>> {
  return { DOPPLER_TOKEN: doppler.serviceToken(project, config) };
}

async function command(
  name: string,
  secrets: readonly object[],
  { kubeconfig = stage.kubeconfig, args = [] }: Invocation,
): Promise<Finished> {
  return await hikyaku([name, '--config', await write(secrets), '--kubeconfig', kubeconfig, ...args], { env: env() });
}

async function sync(secrets: readonly object[], invocation: Invocation): Promise<Finished> {
  return await command('sync', secrets, invocation);
}

async function run(secrets: readonly object[], { kubeconfig = stage.kubeconfig }: Invocation): Promise<Running> {
  const path = await write(secrets);
  return stage.start(['run', '--config', path, '--kubeconfig', kubeconfig, '--log-level', 'debug'], {
    env: env(),
  });
}

async function live(name: string): Promise<LiveSecret | undefined> {
  return await readSecret(admin, id(name));
}

/** Waits until the Secret holds what its owner and the source hold. */
async function merged(name: string): Promise<void> {
  await expect.poll(async () => (await live(name))?.data, { timeout: 15_000 }).toEqual({ ...theirs, ...held });
}

function word(agent: Running, name: string): string {
  return [agent.lastWord(id(name))?.['messages']].flat().join('\n');
}

async function problem(agent: Running, name: string): Promise<string> {
  await expect.poll(() => agent.lastWord(id(name))?.['msg'], { timeout: 15_000 }).toBe('not synced');
  return word(agent, name);
}

async function recovered(agent: Running, name: string): Promise<void> {
  await expect.poll(() => agent.lastWord(id(name))?.['msg'], { timeout: 15_000 }).toBe('recovered');
}

/** Waits until what is not synced was tried that often again. */
async function resyncs(agent: Running, times: number): Promise<void> {
  const said = () => agent.log.filter(({ msg }) => msg === 'still not synced').length;
  const from = said();
  await expect.poll(said, { timeout: 15_000 }).toBeGreaterThanOrEqual(from + times);
}
