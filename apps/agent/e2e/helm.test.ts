import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ensureReferenceTool } from '@hikyaku/reference-tools';
import {
  createNamespace,
  eventually,
  field,
  parseManifests,
  readInstallFile,
  readSecret,
  startCluster,
  startHikyaku,
  succeeded,
} from '@hikyaku/testbed';
import type { Manifest } from '@hikyaku/testbed';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { manifests, objectOf } from './manifests.test.kit.ts';

const run = promisify(execFile);
const chart = fileURLToPath(new URL('../../../deploy/helm/hikyaku', import.meta.url));
const IMAGE = ['--image', 'registry.lan/hikyaku:1'];

const CONFIG = `# a comment that stays, and {{ no template }}
recipients: { home: age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj }
providers:
  app: { type: doppler, project: app, config: prd, token: { env: DOPPLER_TOKEN } }
  nas: { type: webhook, url: 'https://nas.lan:8443/', protocol: hikyaku, token: { env: NAS_TOKEN } }
secrets:
  - { name: app-env, namespace: web, from: app, restart: [Deployment/web] }
  - { name: nas-env, namespace: web, from: nas }
`;

let helm: string;
let work: string;
let count = 0;

beforeAll(async () => {
  helm = await ensureReferenceTool('helm');
  work = await mkdtemp(join(tmpdir(), 'hikyaku-helm-'));
});
afterAll(() => rm(work, { recursive: true, force: true }));

async function call(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
  const home = { HOME: work, PATH: process.env['PATH'] ?? '', HELM_CACHE_HOME: work, HELM_CONFIG_HOME: work };
  const { stdout } = await run(helm, [...args], { env: { ...home, ...env }, maxBuffer: 16_000_000 });
  return stdout;
}

async function valuesFile(values: object): Promise<string> {
  const path = join(work, `values-${++count}.json`);
  await writeFile(path, JSON.stringify(values));
  return path;
}

async function template(values: object, namespace = 'hikyaku'): Promise<readonly Manifest[]> {
  const args = ['template', 'hikyaku', chart, '--namespace', namespace, '--values', await valuesFile(values)];
  return parseManifests(await call(args));
}

function sorted(objects: readonly Manifest[]): readonly Manifest[] {
  const key = ({ kind, metadata }: Manifest) => `${kind} ${metadata.name}`;
  return objects.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
}

test('helm lint --strict has nothing to say', async () => {
  expect(await call(['lint', '--strict', '--namespace', 'hikyaku', chart])).toContain('0 chart(s) failed');
});

test.each<[string, object, RegExp]>([
  ['an unknown word', { replica: 2 }, /replica/],
  ['an unknown word deeper down', { image: { name: 'x' } }, /image/],
  ['an image of no version', { image: { tag: 'latest' } }, /tag/],
  ['a tag in the repository', { image: { repository: 'registry.lan:5000/hikyaku:1' } }, /repository/],
  ['a digest that is none', { image: { digest: 'sha256:abc' } }, /digest/],
  ['other rights', { rights: 'all' }, /rights/],
  ['no replica', { replicas: 0 }, /replicas/],
  ['replicas of a DaemonSet', { daemonset: true, replicas: 2 }, /replicas/],
  ['a port of the system', { receiver: 80 }, /receiver/],
  ['a list of names that is no text', { grants: { names: ['web/app'] } }, /names/],
  ['grants without types', { grants: { types: null } }, /types/],
  ['a config that is no text', { config: { 'hikyaku.yaml': { secrets: [] } } }, /config/],
])('the schema refuses %s', async (_, values, message) => {
  await expect(template({ config: 'secrets: []', ...values })).rejects.toThrow(message);
});

test('another namespace, no config, and names that are not said, are refused in one sentence', async () => {
  await expect(template({ config: 'x' }, 'default')).rejects.toThrow(
    /lives in the namespace hikyaku, which its policies/,
  );
  await expect(template({})).rejects.toThrow(/config is missing: --set-file config=hikyaku.yaml/);
  await expect(template({ config: 'x', rights: 'named' })).rejects.toThrow(/takes the Secrets from grants.names/);
});

test('the rights in the chart are those of deploy/, byte for byte, and so are its grants', async () => {
  for (const name of ['rights-own.yaml', 'rights-restarts.yaml'] as const)
    expect(await readFile(join(chart, 'files', name), 'utf8'), `cp deploy/${name} deploy/helm/hikyaku/files/`).toBe(
      await readInstallFile(name),
    );
  const [grants] = parseManifests(await readInstallFile('grants.yaml'));
  const values: unknown = parse(await readFile(join(chart, 'values.yaml'), 'utf8'));
  expect(field(values, 'grants')).toEqual(field(grants, 'data'));
});

test('its README names every value of the schema, and values.yaml has each', async () => {
  const { properties } = JSON.parse(await readFile(join(chart, 'values.schema.json'), 'utf8'));
  const wanted = Object.keys(properties).filter((name) => name !== 'global');
  const readme = await readFile(join(chart, 'README.md'), 'utf8');
  const rows = [...readme.matchAll(/^\| `([a-zA-Z]+)/gm)].map(([, name = '']) => name);
  expect([...new Set(rows)].toSorted()).toEqual(wanted.toSorted());
  const values: unknown = parse(await readFile(join(chart, 'values.yaml'), 'utf8'));
  expect(Object.keys(Object(values)).toSorted()).toEqual(wanted.toSorted());
});

describe('helm template is what hikyaku manifests prints, object for object', () => {
  test.each<[string, readonly string[], object]>([
    ['as it is', [], {}],
    ['named, with replicas', ['--rights', 'named', '--replicas', '3'], { rights: 'named', replicas: 3 }],
    [
      'a DaemonSet with everything, for one cluster',
      ['--daemonset', '--network-policy', '--receiver', '8082', '--page', '8083', '--cluster', 'home'],
      {
        daemonset: true,
        networkPolicy: { enabled: true, destinations: [{ port: 8443 }] },
        receiver: 8082,
        page: 8083,
        cluster: 'home',
      },
    ],
  ])('%s', async (_, flags, values) => {
    const folder = join(work, String(++count));
    await mkdir(folder);
    await writeFile(join(folder, 'hikyaku.yaml'), CONFIG);
    const plain = await manifests(join(folder, 'hikyaku.yaml'), [...IMAGE, ...flags]);
    const rendered = await template({
      image: { repository: 'registry.lan/hikyaku', tag: '1' },
      config: CONFIG,
      grants: field(objectOf(plain, 'ConfigMap', 'hikyaku-grants'), 'data'),
      restarts: true,
      variables: ['DOPPLER_TOKEN', 'NAS_TOKEN'],
      ...values,
    });
    expect(sorted(rendered)).toEqual(sorted(plain));
  });

  test('a folder of files', async () => {
    const folder = join(work, String(++count));
    await mkdir(folder);
    const config = { 'app.yaml': CONFIG, 'more.yaml': 'secrets: [{ name: b, namespace: web, from: app }]\n' };
    for (const [name, text] of Object.entries(config)) await writeFile(join(folder, name), text);
    const plain = await manifests(folder, IMAGE);
    const rendered = await template({
      image: { repository: 'registry.lan/hikyaku', tag: '1' },
      config,
      grants: field(objectOf(plain, 'ConfigMap', 'hikyaku-grants'), 'data'),
      restarts: true,
      variables: ['DOPPLER_TOKEN', 'NAS_TOKEN'],
    });
    expect(sorted(rendered)).toEqual(sorted(plain));
  });
});

test('what else can be said gets into the Pod', async () => {
  const digest = `sha256:${'0'.repeat(64)}`;
  const objects = await template({
    image: { repository: 'registry.lan:5000/hikyaku', digest, pullPolicy: 'Always' },
    imagePullSecrets: [{ name: 'registry' }],
    existingConfigMap: 'mine',
    configPath: '/config/sub/one.yaml',
    configItems: [{ key: 'one', path: 'sub/one.yaml' }],
    existingGrants: true,
    leaderElection: true,
    extraArgs: ['--log-level', 'debug'],
    extraEnv: [{ name: 'HTTPS_PROXY', value: 'http://proxy:3128' }],
    extraVolumes: [{ name: 'ca', configMap: { name: 'ca' } }],
    extraVolumeMounts: [{ name: 'ca', mountPath: '/ca' }],
    podAnnotations: { a: '1' },
    nodeSelector: { disk: 'ssd' },
    tolerations: [{ operator: 'Exists' }],
    affinity: { nodeAffinity: {} },
    resources: { limits: { memory: '256Mi' } },
    networkPolicy: {
      enabled: true,
      destinations: [
        { address: '192.0.2.7', port: 8443 },
        { address: '::1', port: 9 },
      ],
    },
  });
  expect(objects.map(({ metadata }) => metadata.name)).not.toContain('hikyaku-grants');
  const spec = field(objectOf(objects, 'Deployment', 'hikyaku'), 'spec');
  expect(spec).not.toHaveProperty('strategy');
  expect(field(spec, 'template', 'metadata', 'annotations')).toEqual({ a: '1' });
  expect(field(spec, 'template', 'spec')).toMatchObject({
    imagePullSecrets: [{ name: 'registry' }],
    nodeSelector: { disk: 'ssd' },
    tolerations: [{ operator: 'Exists' }],
    affinity: { nodeAffinity: {} },
    volumes: [
      { name: 'config', configMap: { name: 'mine', items: [{ key: 'one', path: 'sub/one.yaml' }] } },
      { name: 'ca', configMap: { name: 'ca' } },
    ],
    containers: [
      {
        image: `registry.lan:5000/hikyaku@${digest}`,
        imagePullPolicy: 'Always',
        args: [
          'run',
          '--config',
          '/config/sub/one.yaml',
          '--health',
          '8081',
          '--leader-election',
          '--log-level',
          'debug',
        ],
        env: [{ name: 'MALLOC_ARENA_MAX' }, { name: 'HTTPS_PROXY', value: 'http://proxy:3128' }],
        resources: { limits: { memory: '256Mi' } },
        volumeMounts: [{ name: 'config' }, { name: 'ca', mountPath: '/ca' }],
      },
    ],
  });
  const egress = Object(field(objectOf(objects, 'NetworkPolicy', 'hikyaku'), 'spec', 'egress')).slice(2);
  expect(egress).toEqual([
    { ports: [{ port: 8443, protocol: 'TCP' }], to: [{ ipBlock: { cidr: '192.0.2.7/32' } }] },
    { ports: [{ port: 9, protocol: 'TCP' }], to: [{ ipBlock: { cidr: '::1/128' } }] },
  ]);
});

test('any text of a config arrives as it is, by a value and by --set-file', async () => {
  const text =
    '  # begins with spaces\r\n\ttab: "{{ .Values }}" <&> 飛脚 \u00A0\uFEFF \u{1F4EE}\n\n---\nend: without a line break   ';
  const inMap = (objects: readonly Manifest[]) => field(objectOf(objects, 'ConfigMap', 'hikyaku-config'), 'data');
  expect(inMap(await template({ config: text }))).toEqual({ 'hikyaku.yaml': text });
  const path = join(work, 'any.yaml');
  await writeFile(path, `${text}\n\n`);
  const args = ['template', 'hikyaku', chart, '--namespace', 'hikyaku', '--set-file', `config=${path}`];
  expect(inMap(parseManifests(await call(args)))).toEqual({ 'hikyaku.yaml': `${text}\n\n` });
  for (const lineBreak of ['\u0085', '\u2028', '\u2029']) {
    await writeFile(path, `a: ${lineBreak}b`);
    await expect(call(args)).rejects.toThrow(/hikyaku.yaml holds a line break of an unusual kind/);
  }
});

test.each([true, false])(
  'an agent works with what helm installs; upgrade and rollback keep what it wrote, and uninstall what would hurt (server side: %s)',
  async (isServerSide) => {
    const folder = join(work, String(++count));
    await mkdir(folder);
    await writeFile(join(folder, 'data.env'), 'GREETING=hello');
    const config = `providers: { here: { type: file, path: data.env } }
secrets: [{ name: web-env, namespace: web, from: here }]
`;
    await writeFile(join(folder, 'hikyaku.yaml'), config);
    await using cluster = await startCluster();
    await createNamespace(cluster.admin, 'web');
    const env = { KUBECONFIG: cluster.kubeconfig };
    const to = ['--namespace', 'hikyaku', `--server-side=${isServerSide}`];
    const values = ['--values', await valuesFile({ config })];
    // By the client, as Helm 3 does it, Helm fails at the namespace that it has just made.
    if (!isServerSide) await createNamespace(cluster.admin, 'hikyaku');
    const creates = isServerSide ? ['--create-namespace'] : [];
    await call(['install', 'hikyaku', chart, ...to, ...creates, '--take-ownership', ...values], env);
    const get = async (path: string) => succeeded(await cluster.admin('GET', path));
    expect(field(await get('/api/v1/namespaces/hikyaku'), 'metadata', 'labels')).toMatchObject({
      'pod-security.kubernetes.io/enforce': 'restricted',
    });

    const KUBECONFIG = await cluster.agentKubeconfig();
    // The policies may not be in force yet, and then it ends.
    let agent = startHikyaku(['run', '--config', join(folder, 'hikyaku.yaml')], { env: { KUBECONFIG } });
    await eventually(async () => {
      if (agent.process.exitCode !== null)
        agent = startHikyaku(['run', '--config', join(folder, 'hikyaku.yaml')], { env: { KUBECONFIG } });
      return (await readSecret(cluster.admin, 'web/web-env'))?.data['GREETING'] === 'hello';
    }, 90_000);
    const maps = ['hikyaku-inventory', 'hikyaku-status', 'hikyaku-identity'];
    const remembered = () =>
      Promise.all(maps.map(async (name) => field(await get(`/api/v1/namespaces/hikyaku/configmaps/${name}`), 'data')));
    await eventually(async () => (await remembered()).every((data) => Object.keys(Object(data)).length > 0), 60_000);
    await agent.stop();
    const before = await remembered();
    const identity = (await readSecret(cluster.admin, 'hikyaku/hikyaku-identity'))?.data;
    expect(Object.keys(identity ?? {})).not.toEqual([]);

    await call(['upgrade', 'hikyaku', chart, ...to, ...values, '--set', 'image.tag=0.2.0'], env);
    const image = async () =>
      field(
        await get('/apis/apps/v1/namespaces/hikyaku/deployments/hikyaku'),
        'spec',
        'template',
        'spec',
        'containers',
        0,
        'image',
      );
    expect(await image()).toBe('registry.example/hikyaku:0.2.0');
    expect(await remembered()).toEqual(before);
    await call(['rollback', 'hikyaku', '1', ...to], env);
    expect(await image()).toBe('registry.example/hikyaku:0.1.0');
    expect(await remembered()).toEqual(before);

    await call(['uninstall', 'hikyaku', '--namespace', 'hikyaku'], env);
    expect((await readSecret(cluster.admin, 'web/web-env'))?.data['GREETING']).toBe('hello');
    expect((await readSecret(cluster.admin, 'hikyaku/hikyaku-identity'))?.data).toEqual(identity);
    expect((await remembered().catch(() => [])).length).toBe(0);
    expect(field(await get('/api/v1/namespaces/hikyaku/configmaps/hikyaku-inventory'), 'data')).toEqual(before[0]);
    const gone = [
      '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/hikyaku-own',
      '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/hikyaku-own',
      '/api/v1/namespaces/hikyaku/serviceaccounts/hikyaku',
    ];
    for (const path of gone) expect((await cluster.admin('GET', path)).status, path).toBe(404);

    // The same release takes up what stayed.
    await call(['install', 'hikyaku', chart, ...to, '--take-ownership', ...values], env);
    expect(field(await get('/api/v1/namespaces/hikyaku/configmaps/hikyaku-inventory'), 'data')).toEqual(before[0]);
  },
  300_000,
);
