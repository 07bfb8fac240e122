import { randomBytes } from 'node:crypto';
import { startDevCluster } from '@hikyaku/devcluster';
import type { DevCluster } from '@hikyaku/devcluster';
import { startFakeDoppler } from '@hikyaku/provider-doppler/testing';
import type { FakeDoppler } from '@hikyaku/provider-doppler/testing';
import {
  applyYaml,
  ConfigFiles,
  createNamespace,
  createSecret,
  eventually,
  hikyaku,
  installRights,
  patchSecret,
  readInstallFile,
  readInventory,
  readSecret,
  resetInventory,
  startCluster,
  startHikyaku,
  succeeded,
} from '@hikyaku/testbed';
import type { Api, Cluster, Finished, LiveSecret, Running } from '@hikyaku/testbed';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';

// What the API server can refuse, and its absence, to the built agent with the rights of deploy/rights-own.yaml alone. Each time: a message
// that names the Secret and the cause, the other Secrets go on, it recovers without a restart, and nothing that the server said is repeated.

const project = 'homelab';
const OURS = { 'hikyaku.dev/agent': 'hikyaku' };
const GRANTS = '/api/v1/namespaces/hikyaku/configmaps/hikyaku-grants';
const INVENTORY = '/api/v1/namespaces/hikyaku/configmaps/hikyaku-inventory';
const BINDING = '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/hikyaku-own';
const ADMISSION = '/apis/admissionregistration.k8s.io/v1';
const NO_INVENTORY =
  'the inventory (ConfigMap hikyaku/hikyaku-inventory) is missing or may not be written by this account; apply deploy/rights-own.yaml';
const MERGE_PATCH = { 'content-type': 'application/merge-patch+json' };

let server: DevCluster;
let cluster: Cluster;
let admin: Api;
let kubeconfig: string;
let doppler: FakeDoppler;
let files: ConfigFiles;

/** Of the test that runs. */
let namespace: string;
let config: string;
/** What the source holds under A and B. */
let held: { readonly A: string; readonly B: string };
let count = 0;
const started = new Set<Running>();
const values = new Set<string>();
const outputs: string[] = [];

beforeAll(async () => {
  server = await startDevCluster({ controllers: true });
  cluster = await startCluster({ environment: { HIKYAKU_DEV_KUBECONFIG: server.kubeconfig } });
  admin = cluster.admin;
  await installRights(cluster);
  kubeconfig = await cluster.agentKubeconfig();
  doppler = await startFakeDoppler({ limits: { secretReads: 1_000_000 } });
  files = new ConfigFiles();
});

afterAll(async () => {
  await files?.[Symbol.asyncDispose]();
  await doppler?.close();
  await cluster?.stop();
  await server?.stop();
});

beforeEach(async () => {
  await resetInventory(admin);
  count++;
  namespace = `web-${count}`;
  config = `config_${count}`;
  held = { A: value(), B: value() };
  doppler.addConfig(project, config, held);
  await createNamespace(admin, namespace);
});

afterEach(async () => {
  outputs.push(...(await Promise.all([...started].map(async (agent) => (await agent.stop()).stdout + agent.stderr))));
  const leaked = [...values].filter((secret) => outputs.some((output) => holds(output, secret)));
  started.clear();
  outputs.length = 0;
  values.clear();
  // The API server quotes data in some of its answers.
  if (leaked.length > 0) throw new Error(`${leaked.length} values were printed, among them ${leaked[0]}`);
});

describe('rights and grants', () => {
  test('rights taken away and given back: it says so, keeps running, and goes on', async () => {
    const agent = await run([entry('app')], { resync: '1h' });
    await synced('app');

    const binding = succeeded(await admin('GET', BINDING));
    succeeded(await admin('DELETE', BINDING));
    const changed = change('A');
    expect(await problem(agent, 'app')).toBe(
      `Secret ${namespace}/app: this account may not write it; the agent's rights are deploy/rights-own.yaml`,
    );
    expect((await live('app'))?.data['A']).not.toBe(changed);

    const { apiVersion, kind, metadata, roleRef, subjects } = binding as Record<string, unknown>;
    const { name, labels } = metadata as Record<string, unknown>;
    succeeded(
      await admin('POST', BINDING.slice(0, BINDING.lastIndexOf('/')), {
        apiVersion,
        kind,
        metadata: { name, labels },
        roleRef,
        subjects,
      }),
    );
    await recovered(agent, 'app');
    expect((await live('app'))?.data['A']).toBe(changed);
  });

  test('the grants deleted and restored: nothing is written meanwhile, and it goes on', async () => {
    const agent = await run([entry('app')]);
    await synced('app');

    succeeded(await admin('DELETE', GRANTS));
    const changed = change('A');
    expect(await problem(agent, 'app')).toBe(
      `Secret ${namespace}/app: the policy finds no ConfigMap hikyaku/hikyaku-grants; apply deploy/grants.yaml`,
    );
    expect((await live('app'))?.data['A']).not.toBe(changed);

    await applyYaml(admin, await readInstallFile('grants.yaml'));
    await recovered(agent, 'app');
    expect((await live('app'))?.data['A']).toBe(changed);
  });

  test('a type, a label, an annotation, a namespace and a name that are not granted are refused, each with the grant that is missing', async () => {
    const agent = await run([
      entry('good'),
      entry('typed', { type: 'example.com/special' }),
      entry('labelled', { labels: { 'example.com/team': 'web' } }),
      entry('annotated', { annotations: { 'example.com/team': 'web' } }),
      { ...entry('reserved'), namespace: 'kube-system' },
    ]);
    const not = (name: string) => `Secret ${namespace}/${name} is not granted: `;
    expect(await problem(agent, 'typed')).toBe(
      `${not('typed')}type: this Secret type is not granted; see types in the ConfigMap hikyaku-grants`,
    );
    expect(await problem(agent, 'labelled')).toBe(
      `${not('labelled')}labels: a label of this Secret is not granted; see metadataPrefixes in the ConfigMap hikyaku-grants`,
    );
    expect(await problem(agent, 'annotated')).toBe(
      `${not('annotated')}annotations: an annotation of this Secret is not granted; see metadataPrefixes in the ConfigMap hikyaku-grants`,
    );
    expect(await problem(agent, 'kube-system/reserved')).toBe(
      'Secret kube-system/reserved is not granted: namespace: this namespace is reserved; see reservedNamespaces in the ConfigMap hikyaku-grants',
    );
    await synced('good');

    onTestFinished(async () => {
      // `names` has to go: it is no part of the install file.
      succeeded(await admin('DELETE', GRANTS));
      await applyYaml(admin, await readInstallFile('grants.yaml'));
    });
    await grant({ types: 'Opaque, example.com/special', metadataPrefixes: 'example.com/' });
    for (const name of ['typed', 'labelled', 'annotated']) await recovered(agent, name);
    expect(await live('typed')).toMatchObject({ type: 'example.com/special' });
    expect(await readSecret(admin, 'kube-system/reserved')).toBeUndefined();

    await grant({ names: `${namespace}/good` });
    change('A');
    expect(await problem(agent, 'typed')).toBe(
      `${not('typed')}name: this Secret is not granted; see names in the ConfigMap hikyaku-grants`,
    );
    await eventually(async () => (await live('good'))?.data['A'] === held.A);
  });

  test('the inventory deleted and restored: nothing new is written without it, and it goes on', async () => {
    onTestFinished(async () => await applyYaml(admin, await readInstallFile('rights-own.yaml')));
    const agent = await run([entry('app')], { resync: '1h' });
    await synced('app');

    succeeded(await admin('DELETE', INVENTORY));
    change('A');
    expect(await problem(agent, 'app')).toBe(NO_INVENTORY);
    const before = await live('app');
    change('B');
    await readAgain(agent, 2);
    expect(await live('app')).toEqual(before);

    await applyYaml(admin, await readInstallFile('rights-own.yaml'));
    await recovered(agent, 'app');
    await synced('app');
    expect((await admin('GET', INVENTORY)).text).toContain(id('app'));
  });

  test('an agent that starts before its inventory is there writes nothing, and goes on when it is', async () => {
    onTestFinished(async () => await applyYaml(admin, await readInstallFile('rights-own.yaml')));
    succeeded(await admin('DELETE', INVENTORY));
    const agent = await run([entry('app')], { resync: '1h' });
    expect(await problem(agent, 'app')).toBe(NO_INVENTORY);
    expect(await live('app')).toBeUndefined();

    await applyYaml(admin, await readInstallFile('rights-own.yaml'));
    await recovered(agent, 'app');
    await synced('app');
  });
});

describe('namespaces', () => {
  test('a missing namespace is named, the others are served, and it is served within seconds of its creation, by the watch', async () => {
    const late = `${namespace}-late`;
    const agent = await run([entry('app'), { ...entry('app'), namespace: late }], { resync: '1h', refresh: '1h' });
    expect(await problem(agent, `${late}/app`)).toBe(
      `Secret ${late}/app: namespace ${late} does not exist; waiting for it`,
    );
    await synced('app');

    const from = Date.now();
    await createNamespace(admin, late);
    await eventually(async () => (await readSecret(admin, `${late}/app`)) !== undefined);
    expect(Date.now() - from).toBeLessThan(5_000);
    await recovered(agent, `${late}/app`);
  });

  test('a namespace being deleted is waited for, and served when it has come back', async () => {
    const doomed = `${namespace}-doomed`;
    await createNamespace(admin, doomed);
    const blocker = `/api/v1/namespaces/${doomed}/configmaps/blocker`;
    succeeded(
      await admin('POST', `/api/v1/namespaces/${doomed}/configmaps`, {
        metadata: { name: 'blocker', finalizers: ['example.com/wait'] },
      }),
    );
    const agent = await run([entry('app'), { ...entry('app'), namespace: doomed }]);
    await synced(`${doomed}/app`);

    succeeded(await admin('DELETE', `/api/v1/namespaces/${doomed}`));
    expect(await problem(agent, `${doomed}/app`)).toBe(
      `Secret ${doomed}/app: namespace ${doomed} is being deleted; waiting for it to come back`,
    );
    const changed = change('A');
    await eventually(async () => (await live('app'))?.data['A'] === changed);

    succeeded(await admin('PATCH', blocker, { metadata: { finalizers: null } }, MERGE_PATCH));
    await eventually(async () => (await admin('GET', `/api/v1/namespaces/${doomed}`)).status === 404);
    await createNamespace(admin, doomed);
    await eventually(async () => (await readSecret(admin, `${doomed}/app`))?.data['A'] === changed);
  });
});

describe('what the API server refuses of one Secret', () => {
  test('data of more than 1 MiB is refused with the sum, the last good data stays, and it goes on when it fits again', async () => {
    const agent = await run([entry('app'), entry('small', { dataFrom: [{ keys: ['A'] }] })]);
    await synced('app');
    const before = await live('app');

    const huge = Array.from({ length: 3 }, () => randomBytes(200_000).toString('hex'));
    for (const [index, text] of huge.entries()) doppler.set(project, config, `HUGE_${index}`, text);
    for (const text of huge) values.add(text.slice(0, 64));
    const bytes = [...huge, ...Object.values(held)].join('').length;
    expect(await problem(agent, 'app')).toBe(
      `${bytes} bytes of data; a Secret holds at most 1048576: split it into several`,
    );
    const changed = change('A');
    await eventually(async () => (await live('small'))?.data['A'] === changed);
    expect(await live('app')).toEqual(before);

    for (const index of huge.keys()) doppler.remove(project, config, `HUGE_${index}`);
    await recovered(agent, 'app');
    expect((await live('app'))?.data).toEqual({ A: changed, B: held.B });
  });

  test('keys that the type lacks, and contents that it does not allow, are named by their field', async () => {
    doppler.set(project, config, 'CRT', value());
    doppler.set(project, config, 'DOCKER', value());
    const agent = await run([
      entry('good', { dataFrom: [{ keys: ['A'] }] }),
      entry('tls', {
        type: 'kubernetes.io/tls',
        data: { 'tls.crt': 'CRT', 'tls.key': { key: 'CRT_KEY', optional: true } },
      }),
      entry('pull', { type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': 'DOCKER' } }),
    ]);
    expect(await problem(agent, 'tls')).toBe(
      `Secret ${namespace}/tls: the API server refuses it (422 Invalid; data[tls.key]: FieldValueRequired)`,
    );
    expect(await problem(agent, 'pull')).toBe(
      `Secret ${namespace}/pull: the API server refuses it (422 Invalid; data[.dockerconfigjson]: FieldValueInvalid)`,
    );
    await synced('good', ['A']);

    doppler.set(project, config, 'CRT_KEY', value());
    doppler.set(project, config, 'DOCKER', JSON.stringify({ auths: {} }));
    await recovered(agent, 'tls');
    await recovered(agent, 'pull');
  });

  test('changed data of an immutable Secret is refused with the remedy, and with `recreate` made again', async () => {
    const agent = await run([
      entry('good'),
      entry('fixed', { immutable: true }),
      entry('renewed', { immutable: true, recreate: true }),
    ]);
    for (const name of ['good', 'fixed', 'renewed']) await synced(name);
    const before = { fixed: await live('fixed'), renewed: await live('renewed') };

    const changed = change('A');
    expect(await problem(agent, 'fixed')).toBe(
      `Secret ${namespace}/fixed: data cannot change in place; set \`recreate: true\` to delete and create it again`,
    );
    await agent.logged({ secret: id('renewed'), outcome: 'recreated' });
    expect(await live('fixed')).toEqual(before.fixed);
    const renewed = await live('renewed');
    expect(renewed).toMatchObject({ immutable: true, data: { A: changed } });
    expect(renewed?.uid).not.toBe(before.renewed?.uid);
    await synced('good');

    // The value comes back: nothing has to change any more.
    doppler.set(project, config, 'A', before.fixed?.data['A'] ?? '');
    await recovered(agent, 'fixed');
    expect(await live('fixed')).toEqual(before.fixed);
  });

  test('a type that would have to change is refused with the remedy, and with `recreate` made again', async () => {
    const made = { type: 'kubernetes.io/basic-auth', labels: OURS };
    for (const name of ['kept', 'renewed']) await createSecret(admin, id(name), { password: value() }, made);
    const before = await live('kept');
    const agent = await run([entry('good'), entry('kept'), entry('renewed', { recreate: true })]);

    expect(await problem(agent, 'kept')).toBe(
      `Secret ${namespace}/kept: type cannot change in place; set \`recreate: true\` to delete and create it again`,
    );
    await agent.logged({ secret: id('renewed'), outcome: 'recreated' });
    expect(await live('kept')).toEqual(before);
    expect(await live('renewed')).toMatchObject({ type: 'Opaque', data: { A: held.A, B: held.B } });
    await synced('good');
  });

  test('a quota that is used up is named, and it goes on when there is room', async () => {
    const narrow = `${namespace}-narrow`;
    await createNamespace(admin, narrow);
    const quotas = `/api/v1/namespaces/${narrow}/resourcequotas`;
    const hard = { 'count/secrets': '0' };
    succeeded(await admin('POST', quotas, { metadata: { name: 'few-secrets' }, spec: { hard } }));
    // The controller that counts does not run here.
    const status = { hard, used: { 'count/secrets': '0' } };
    succeeded(await admin('PATCH', `${quotas}/few-secrets/status`, { status }, MERGE_PATCH));
    const agent = await run([entry('app'), { ...entry('app'), namespace: narrow }]);
    expect(await problem(agent, `${narrow}/app`)).toBe(
      `Secret ${narrow}/app: the quota few-secrets of namespace ${narrow} is used up`,
    );
    await synced('app');

    succeeded(await admin('DELETE', `${quotas}/few-secrets`));
    await recovered(agent, `${narrow}/app`);
  });

  test('the denial of another policy is named and its text, which may quote a value, is not', async () => {
    const name = `loud-${count}`;
    const policy = {
      metadata: { name },
      spec: {
        matchConstraints: {
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
          resourceRules: [
            { apiGroups: [''], apiVersions: ['v1'], resources: ['secrets'], operations: ['CREATE', 'UPDATE'] },
          ],
        },
        validations: [
          {
            expression: "object.metadata.name != 'denied'",
            messageExpression: "'do not write ' + object.data.A",
          },
          {
            expression: "object.metadata.name != 'forbidden'",
            messageExpression: "'do not write ' + object.data.A",
            reason: 'Forbidden',
          },
        ],
      },
    };
    succeeded(await admin('POST', `${ADMISSION}/validatingadmissionpolicies`, policy));
    const binding = { metadata: { name }, spec: { policyName: name, validationActions: ['Deny'] } };
    succeeded(await admin('POST', `${ADMISSION}/validatingadmissionpolicybindings`, binding));
    // Its text does quote the value.
    const probe = () =>
      admin('POST', `/api/v1/namespaces/${namespace}/secrets?dryRun=All`, {
        metadata: { name: 'denied' },
        stringData: { A: 'quoted' },
      });
    await eventually(async () => (await probe()).text.includes('do not write cXVvdGVk'));

    const agent = await run([entry('good'), entry('denied'), entry('forbidden')]);
    expect(await problem(agent, 'denied')).toBe(
      `Secret ${namespace}/denied: the API server refuses it (the policy ${name}; 422 Invalid)`,
    );
    expect(await problem(agent, 'forbidden')).toBe(
      `Secret ${namespace}/forbidden: this account may not write it (by the policy ${name}); the agent's rights are deploy/rights-own.yaml`,
    );
    await synced('good');
    const once = await sync([entry('good'), entry('denied'), entry('forbidden')]);
    expect(once).toMatchObject({ exitCode: 1, stdout: expect.stringContaining(`the policy ${name}`) });

    succeeded(await admin('DELETE', `${ADMISSION}/validatingadmissionpolicybindings/${name}`));
    for (const each of ['denied', 'forbidden']) await recovered(agent, each);
  });

  test('a write that meets a newer resourceVersion is put again and counts as repaired', async () => {
    const agent = await run([entry('app')]);
    await synced('app');
    await patchSecret(admin, id('app'), { stringData: { A: value() } });
    expect(await agent.logged({ secret: id('app'), outcome: 'repaired' })).toMatchObject({
      msg: 'applied',
      state: 'synced',
    });
    await synced('app');
  });
});

describe('the server away', () => {
  test('a one-shot sync exits with 1 and names the server', async () => {
    await server.kill();
    try {
      const { exitCode, stdout, stderr } = await sync([entry('app')]);
      expect(exitCode).toBe(1);
      expect(stdout).toBe('');
      expect(stderr).toMatch(
        new RegExp(
          `^error: .*${new URL(cluster.url).host} refuses connections \\(ECONNREFUSED\\): is the API server running`,
        ),
      );
      expect(stderr.trim().split('\n')).toHaveLength(1);
    } finally {
      await server.restart();
    }
  });

  test('a daemon that starts while it is away waits, says where, and goes on when it is there', async () => {
    await server.kill();
    let agent: Running;
    try {
      agent = await run([entry('app')]);
      const line = await agent.logged({ msg: 'cluster unreachable' });
      expect(line).toMatchObject({
        level: 'warn',
        error: { code: 'UNAVAILABLE', message: expect.stringContaining(new URL(cluster.url).host) },
      });
    } finally {
      await server.restart();
    }
    await agent.logged({ msg: 'started' });
    await synced('app');
  });

  test('a crash of it while the daemon runs is reported, and what changed meanwhile is written after it, also by the watch', async () => {
    const late = `${namespace}-late`;
    const agent = await run([entry('app'), entry('other'), { ...entry('app'), namespace: late }], { resync: '1h' });
    await agent.logged({ msg: 'not synced', secret: `${late}/app` });
    for (const name of ['app', 'other']) await synced(name);

    await server.kill();
    let changed: string;
    try {
      changed = change('A');
      const message = await problem(agent, 'app');
      expect(message).toContain(new URL(cluster.url).host);
    } finally {
      await server.restart();
    }
    for (const name of ['app', 'other']) await eventually(async () => (await live(name))?.data['A'] === changed);
    for (const name of ['app', 'other']) await recovered(agent, name);
    await createNamespace(admin, late);
    await eventually(async () => (await readSecret(admin, `${late}/app`))?.data['A'] === changed);
  });

  test('an orderly restart of it in between is not even noticed', async () => {
    const agent = await run([entry('app')], { resync: '1h' });
    await synced('app');
    // What it has written is remembered, and what it has read is kept: before the next read it is at rest.
    await eventually(async () => (await readInventory(admin)).get(id('app'))?.resourceVersion !== undefined);
    await readAgain(agent);
    await server.restart();
    const changed = change('A');
    await eventually(async () => (await live('app'))?.data['A'] === changed);
    expect(agent.log.filter(({ level }) => level === 'warn' || level === 'error')).toEqual([]);
  });
});

/** A new random value, which no output may hold. */
function value(): string {
  const text = randomBytes(24).toString('base64url');
  values.add(text);
  return text;
}

function holds(output: string, secret: string): boolean {
  const base64 = Buffer.from(secret).toString('base64').replace(/=+$/, '');
  return [secret, base64, Buffer.from(secret).toString('hex')].some((text) => output.includes(text));
}

/** Changes a value at the source. */
function change(name: 'A' | 'B'): string {
  held = { ...held, [name]: value() };
  doppler.set(project, config, name, held[name]);
  return held[name];
}

function entry(name: string, more: object = {}): object {
  return { name, namespace, from: 'homelab', ...more };
}

interface Times {
  readonly resync?: string;
  readonly refresh?: string;
}

async function write(secrets: readonly object[], { resync = '2s', refresh = '1s' }: Times = {}): Promise<string> {
  const homelab = { type: 'doppler', url: doppler.url, token: { env: 'DOPPLER_TOKEN' }, refresh };
  return await files.write({ resync, hold: 'off', providers: { homelab }, secrets });
}

async function run(secrets: readonly object[], times: Times = {}): Promise<Running> {
  const path = await write(secrets, times);
  const agent = startHikyaku(['run', '--config', path, '--kubeconfig', kubeconfig, '--log-level', 'debug'], {
    env: { DOPPLER_TOKEN: doppler.serviceToken(project, config) },
  });
  started.add(agent);
  return agent;
}

async function sync(secrets: readonly object[]): Promise<Finished> {
  const path = await write(secrets);
  const finished = await hikyaku(['sync', '--config', path, '--kubeconfig', kubeconfig], {
    env: { DOPPLER_TOKEN: doppler.serviceToken(project, config) },
  });
  outputs.push(finished.stdout + finished.stderr);
  return finished;
}

function id(name: string): string {
  return name.includes('/') ? name : `${namespace}/${name}`;
}

async function live(name: string): Promise<LiveSecret | undefined> {
  return await readSecret(admin, id(name));
}

/** Waits until the Secret holds exactly what the source holds. */
async function synced(name: string, keys: readonly ('A' | 'B')[] = ['A', 'B']): Promise<void> {
  const wanted = Object.fromEntries(keys.map((key) => [key, held[key]]));
  await expect.poll(async () => (await live(name))?.data, { timeout: 15_000 }).toEqual(wanted);
}

/** Waits for so many further reads of the source. */
async function readAgain(agent: Running, times = 1): Promise<void> {
  const reads = () => agent.log.filter(({ msg }) => msg === 'source read').length;
  const seen = reads();
  await expect.poll(reads, { timeout: 15_000 }).toBeGreaterThanOrEqual(seen + times);
}

/** Waits until a Secret has a problem, and returns what is said of it. */
async function problem(agent: Running, name: string): Promise<string> {
  await expect.poll(() => agent.lastWord(id(name))?.['msg'], { timeout: 15_000 }).toBe('not synced');
  return [agent.lastWord(id(name))?.['messages']].flat().join('\n');
}

async function recovered(agent: Running, name: string): Promise<void> {
  await expect.poll(() => agent.lastWord(id(name))?.['msg'], { timeout: 15_000 }).toBe('recovered');
}

/** What a person changes in the grants. */
async function grant(data: Readonly<Record<string, string>>): Promise<void> {
  succeeded(await admin('PATCH', GRANTS, { data }, MERGE_PATCH));
}
