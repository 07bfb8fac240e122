import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startFakeDoppler } from '@hikyaku/provider-doppler/testing';
import type { FakeDoppler } from '@hikyaku/provider-doppler/testing';
import {
  createNamespace,
  field,
  hikyaku,
  installRights,
  readSecrets,
  resetInventory,
  startCluster,
  succeeded,
} from '@hikyaku/testbed';
import type { Cluster, LiveSecret } from '@hikyaku/testbed';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { yamlBlocks } from '../../../tools/testbed/src/yaml-blocks.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const examplesDirectory = join(root, 'examples');

interface Example {
  /** What stands at Doppler, by source. */
  readonly doppler: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** By namespace/name: what must be in the cluster, and nothing else. */
  readonly secrets: Readonly<Record<string, ExpectedSecret>>;
}

interface ExpectedSecret {
  readonly data: Readonly<Record<string, string>>;
  readonly type?: string;
  readonly immutable?: true;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly sources: string;
}

const pullSecret = '{"auths":{"ghcr.io":{"auth":"YW5uOnRva2Vu"}}}';
const certificateBytes = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';

const examples: Readonly<Record<string, Example>> = {
  'minimal.yaml': {
    doppler: { doppler: { GREETING: 'hello', EMPTY: '' } },
    secrets: { 'default/app-env': { data: { GREETING: 'hello', EMPTY: '' }, sources: 'doppler' } },
  },
  'docker-pull-secret.yaml': {
    doppler: { registry: { DOCKER_CONFIG_JSON: pullSecret, ANOTHER: 'left out' } },
    secrets: inEach(['web', 'worker', 'jobs'], 'ghcr', {
      data: { '.dockerconfigjson': pullSecret },
      type: 'kubernetes.io/dockerconfigjson',
      sources: 'registry',
    }),
  },
  'many-namespaces.yaml': {
    doppler: {
      platform: {
        S3_ENDPOINT: 'https://s3.lan',
        S3_REGION: 'home',
        S3_ADMIN_KEY: 'left out',
        TEAM_A_DB_USER: 'a',
        TEAM_A_DB_PASSWORD: 'password of a',
        TEAM_B_DB_USER: 'b',
        TEAM_C_DB_USER: 'c',
      },
    },
    secrets: {
      ...inEach(['team-a', 'team-b', 'team-c', 'staging-a', 'staging-b', 'staging-c'], 'object-storage', {
        data: { S3_ENDPOINT: 'https://s3.lan', S3_REGION: 'home' },
        sources: 'platform',
      }),
      ...inEach(['team-a', 'staging-a'], 'database', {
        data: { DB_USER: 'a', DB_PASSWORD: 'password of a' },
        sources: 'platform',
      }),
      ...inEach(['team-b', 'staging-b'], 'database', { data: { DB_USER: 'b' }, sources: 'platform' }),
      ...inEach(['team-c', 'staging-c'], 'database', { data: { DB_USER: 'c' }, sources: 'platform' }),
    },
  },
  'homelab.yaml': {
    doppler: {
      homelab: {
        DB_PASSWORD: 'päss wörd',
        DB_CONNECTION: '{"host": "db.lan", "port": 5432.0}',
        DB_CLIENT_P12_BASE64: Buffer.from('client p12').toString('base64'),
        DB_TLS: JSON.stringify({ authority: { certificate: Buffer.from(certificateBytes).toString('base64') } }),
        SMTP_HOST: 'smtp.lan',
        SMTP_OLD_HOST: 'left out of mail',
        SMTP__USER_NAME: 'ann',
      },
      shared: {
        BACKUP_KEY: 'backup',
        MAIL_DKIM_SELECTOR: 's1',
        MEDIA_LICENCE: 'licence',
      },
      certificates: { WILDCARD_CRT: certificateBytes, WILDCARD_KEY: 'key' },
    },
    secrets: {
      'web/web-env': {
        data: {
          DB_PASSWORD: 'päss wörd',
          DB_CONNECTION: '{"host": "db.lan", "port": 5432.0}',
          DB_CLIENT_P12_BASE64: 'Y2xpZW50IHAxMg==',
          DB_TLS: JSON.stringify({ authority: { certificate: Buffer.from(certificateBytes).toString('base64') } }),
          SMTP_HOST: 'smtp.lan',
          SMTP_OLD_HOST: 'left out of mail',
          SMTP__USER_NAME: 'ann',
        },
        sources: 'homelab',
      },
      ...inEach(['web', 'worker'], 'database', {
        data: {
          password: 'päss wörd',
          host: 'db.lan',
          port: '5432.0',
          'client.p12': 'client p12',
          'ca.crt': certificateBytes,
          'backup-key': 'backup',
        },
        sources: 'homelab,shared',
      }),
      'web/mail': {
        data: { 'smtp-host': 'smtp.lan', 'smtp--user-name': 'ann', 'dkim-SELECTOR': 's1' },
        labels: { 'app.kubernetes.io/part-of': 'mail' },
        annotations: { 'app.kubernetes.io/owner': 'ann@example.com' },
        sources: 'homelab,shared',
      },
      'web/mail-dotnet': { data: { Smtp_UserName: 'ann' }, sources: 'homelab' },
      ...inEach(['web', 'media'], 'wildcard-tls', {
        data: { 'tls.crt': certificateBytes, 'tls.key': 'key' },
        type: 'kubernetes.io/tls',
        sources: 'certificates',
      }),
      'backup/restic': { data: { password: 'backup' }, sources: 'shared' },
      'media/licence': { data: { 'licence.txt': 'licence' }, immutable: true, sources: 'shared' },
    },
  },
  split: {
    doppler: {
      homelab: {
        WEB_URL: 'https://web.lan',
        SESSION_KEY: 'session',
        WORKER_QUEUE_URL: 'amqp://queue.lan',
        WORKER_QUEUE_PASSWORD: 'queue',
      },
    },
    secrets: {
      'web/web-env': { data: { URL: 'https://web.lan' }, sources: 'homelab' },
      'web/web-session': { data: { key: 'session' }, sources: 'homelab' },
      'worker/worker-env': {
        data: { QUEUE_URL: 'amqp://queue.lan', QUEUE_PASSWORD: 'queue' },
        sources: 'homelab',
      },
    },
  },
};

const ids = Object.values(examples).flatMap(({ secrets }) => Object.keys(secrets));
const namespaces = [...new Set(ids.map((id) => dirname(id)))];
const entries = (await readdir(examplesDirectory)).filter((name) => !name.endsWith('.schema.json'));
const blocks = await yamlBlocks(root, ['README.md', 'README.ja.md', 'docs/**/*.md', 'packages/*/README.md']);

test('each example has what it needs, and what must come of it, in this file', () => {
  expect(entries.toSorted()).toEqual(Object.keys(examples).toSorted());
});

describe('the examples', () => {
  test.each(entries)('%s passes hikyaku validate', async (name) => {
    const { exitCode, stdout, stderr } = await hikyaku(['validate', '--config', join(examplesDirectory, name)]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(/: \d+ sources?, \d+ Secrets?\n$/);
  });

  test.each(entries)('%s says at its top what it shows and how to run it', async (name) => {
    const path = join(examplesDirectory, name);
    const isDirectory = (await stat(path)).isDirectory();
    const text = await readFile(isDirectory ? join(path, 'providers.yaml') : path, 'utf8');
    const header = text.slice(0, text.search(/^[^#]/m));
    expect(header).toMatch(new RegExp(`hikyaku (?:sync|run|plan) +--config examples/${name}(?: |$)`, 'm'));
  });
});

describe('on a real API server, with the rights and grants that are installed', () => {
  let cluster: Cluster;
  let doppler: FakeDoppler;
  let kubeconfig: string;
  let work: string;

  beforeAll(async () => {
    work = await mkdtemp(join(tmpdir(), 'hikyaku-examples-'));
    [cluster, doppler] = await Promise.all([startCluster(), startFakeDoppler()]);
    await installRights(cluster);
    kubeconfig = await cluster.agentKubeconfig();
    const own = namespaces.filter((name) => name !== 'default');
    await Promise.all(own.map((name) => createNamespace(cluster.admin, name)));
  });
  afterAll(async () => {
    await cluster.stop();
    await doppler.close();
    await rm(work, { recursive: true, force: true });
  });

  test.each(Object.entries(examples))(
    '%s makes exactly its Secrets, and a second sync changes none',
    async (name, example) => {
      await removeWhatIsOurs(cluster);
      const { path, env } = await pointAtFake(name, example, doppler, work);
      const sync = async () =>
        await hikyaku(['sync', '--json', '--config', path], { env: { ...env, KUBECONFIG: kubeconfig } });

      const first = await sync();
      expect({ exitCode: first.exitCode, stderr: first.stderr }).toEqual({ exitCode: 0, stderr: '' });
      expect(outcomesOf(first.stdout)).toEqual(
        Object.fromEntries(Object.keys(example.secrets).map((id) => [id, 'created'])),
      );
      expect(await oursIn(cluster)).toEqual(
        Object.fromEntries(Object.entries(example.secrets).map(([id, secret]) => [id, asLive(secret)])),
      );

      const second = await sync();
      expect({ exitCode: second.exitCode, stderr: second.stderr }).toEqual({ exitCode: 0, stderr: '' });
      expect(outcomesOf(second.stdout)).toEqual(
        Object.fromEntries(Object.keys(example.secrets).map((id) => [id, 'unchanged'])),
      );
    },
  );
});

describe('the YAML blocks of the documentation', () => {
  const configs = blocks.flatMap(({ where, text, documents }) =>
    documents
      .flatMap((document) => configsIn(document, text, documents.length))
      .map((config) => ({ where, ...config })),
  );
  const others = blocks.filter(({ where }) => !configs.some((config) => config.where === where));

  test('are found', () => {
    expect(configs.map(({ where }) => dirname(where))).toContain('packages/provider-doppler');
  });

  test.each(configs)('$where passes hikyaku validate ($kind)', async ({ text, rest }) => {
    const directory = await mkdtemp(join(tmpdir(), 'hikyaku-docs-'));
    await writeFile(join(directory, 'block.yaml'), text);
    if (rest !== undefined) await writeFile(join(directory, 'rest.yaml'), stringify(rest));
    const { exitCode, stderr } = await hikyaku(['validate', '--config', directory]);
    await rm(directory, { recursive: true });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  });

  // oxlint-disable-next-line vitest/no-disabled-tests, vitest/expect-expect -- says what was not tried
  test.skip.each(others)('$where is no config and no whole part of one', () => {});
});

interface DocumentedConfig {
  readonly text: string;
  readonly kind: 'a config' | 'its providers' | 'its secrets' | 'inside a ConfigMap';
  /** What the block leaves out, in a second file. */
  readonly rest?: object;
}

/** A whole config, or one of its two parts, completed by the other. A ConfigMap may hold some. */
function configsIn(document: unknown, text: string, siblings: number): readonly DocumentedConfig[] {
  if (field(document, 'kind') === 'ConfigMap') {
    return Object.entries(Object(field(document, 'data'))).flatMap(([, inner]) => {
      if (typeof inner !== 'string' || !/^secrets:/m.test(inner)) return [];
      return configsIn(parse(inner), inner, 1).map((config) => ({ ...config, kind: 'inside a ConfigMap' as const }));
    });
  }
  if (siblings > 1) return [];
  const secrets = field(document, 'secrets');
  const providers = field(document, 'providers');
  if (secrets !== undefined && providers !== undefined) return [{ text, kind: 'a config' }];
  if (providers !== undefined) return [{ text, kind: 'its providers', rest: { secrets: [] } }];
  if (secrets === undefined) return [];
  const named = [...new Set(sourcesNamedIn(secrets))];
  return [
    {
      text,
      kind: 'its secrets',
      rest: { providers: Object.fromEntries(named.map((name) => [name, { type: 'doppler' }])) },
    },
  ];
}

function sourcesNamedIn(value: unknown): readonly string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]) =>
    key === 'from' && typeof inner === 'string' ? [inner] : sourcesNamedIn(inner),
  );
}

function inEach(where: readonly string[], name: string, secret: ExpectedSecret): Record<string, ExpectedSecret> {
  return Object.fromEntries(where.map((namespace) => [`${namespace}/${name}`, secret]));
}

/** A copy of an example whose sources are at the fake, with its contents and its tokens in place. */
async function pointAtFake(
  name: string,
  { doppler: contents }: Example,
  fake: FakeDoppler,
  work: string,
): Promise<{ readonly path: string; readonly env: Readonly<Record<string, string>> }> {
  const path = join(work, name);
  await cp(join(examplesDirectory, name), path, { recursive: true });
  const files = (await stat(path)).isDirectory() ? (await readdir(path)).map((file) => join(path, file)) : [path];
  const env: Record<string, string> = {};
  for (const file of files) {
    const config: unknown = parse(await readFile(file, 'utf8'));
    for (const [source, settings] of Object.entries(Object(field(config, 'providers')))) {
      const project = textAt(settings, 'project') ?? basename(name);
      const dopplerConfig = textAt(settings, 'config') ?? 'prd';
      fake.addConfig(project, dopplerConfig, contents[source] ?? {});
      const token = fake.serviceToken(project, dopplerConfig);
      const tokenFile = textAt(settings, 'token', 'file');
      if (tokenFile !== undefined) {
        const target = join(dirname(file), tokenFile);
        await mkdir(dirname(target), { recursive: true });
        await writeFile(target, `${token}\n`);
      } else env[textAt(settings, 'token', 'env') ?? 'DOPPLER_TOKEN'] = token;
      Object.assign(Object(settings), { url: fake.url });
    }
    await writeFile(file, stringify(config));
  }
  return { path, env };
}

function textAt(value: unknown, ...path: readonly string[]): string | undefined {
  const found = field(value, ...path);
  return typeof found === 'string' ? found : undefined;
}

function outcomesOf(json: string): Readonly<Record<string, unknown>> {
  const secrets = field(JSON.parse(json), 'secrets');
  const list: readonly unknown[] = Array.isArray(secrets) ? secrets : [];
  return Object.fromEntries(list.map((secret) => [String(field(secret, 'secret')), field(secret, 'outcome')]));
}

type Live = Pick<LiveSecret, 'data' | 'type' | 'immutable' | 'labels' | 'annotations'>;

function asLive({ data, type = 'Opaque', immutable, labels = {}, annotations = {}, sources }: ExpectedSecret): Live {
  return {
    data,
    type,
    immutable: immutable ?? false,
    labels: { ...labels, 'hikyaku.dev/agent': 'hikyaku', 'app.kubernetes.io/managed-by': 'hikyaku' },
    annotations: {
      ...annotations,
      'hikyaku.dev/sources': sources,
      'kustomize.toolkit.fluxcd.io/prune': 'disabled',
    },
  };
}

/** All Secrets of the agent in the namespaces that an example names. */
async function oursIn({ admin }: Cluster): Promise<Readonly<Record<string, Live>>> {
  const found: Record<string, Live> = {};
  for (const namespace of namespaces) {
    for (const [name, { data, type, immutable, labels, annotations }] of await readSecrets(admin, namespace)) {
      if (labels['hikyaku.dev/agent'] === undefined) continue;
      found[`${namespace}/${name}`] = { data, type, immutable, labels, annotations };
    }
  }
  return found;
}

async function removeWhatIsOurs({ admin }: Cluster): Promise<void> {
  for (const namespace of namespaces) {
    const ours = `/api/v1/namespaces/${namespace}/secrets?labelSelector=hikyaku.dev/agent%3Dhikyaku`;
    succeeded(await admin('DELETE', ours));
  }
  await resetInventory(admin);
}
