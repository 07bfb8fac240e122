import { mkdir, mkdtemp, readdir, readFile, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startFakeDoppler } from '@hikyaku/provider-doppler/testing';
import { startFakeApiServer } from '@hikyaku/provider-kubernetes/testing';
import { startFakeSakura } from '@hikyaku/provider-sakura/testing';
import { selfSignedCertificate } from '@hikyaku/provider-utils/testing';
import { startFakeProtocol, startFakeService } from '@hikyaku/provider-webhook/testing';

/** Where a person keeps secrets, seen from behind: what is there, and what somebody else does to it. */
export interface Place extends AsyncDisposable {
  /** What stands under `providers:`; paths are absolute. */
  readonly source: object;
  readonly env: Readonly<Record<string, string>>;
  /** A name that this place allows. */
  nameOf(word: string): string;
  /** `undefined` when it is not there. */
  valueOf(name: string): Promise<Uint8Array | undefined>;
  set(name: string, text: string): Promise<void>;
  remove(name: string): Promise<void>;
  /** From now on it refuses writes to these credentials, which it gives back. Files do not ask who writes. */
  allowOnlyReading?(): Readonly<Record<string, string>>;
  /** The next write is not answered; whether it has come. Nothing is in between where it is a file. */
  hangNextWrite?(): () => boolean;
  /** What it cannot keep. */
  readonly refuses: readonly ('binary' | 'empty')[];
}

const same = (word: string) => word;

async function openDoppler(): Promise<Place> {
  const fake = await startFakeDoppler({ limits: { secretReads: 1_000_000, writes: 1_000_000 } });
  fake.addConfig('lab', 'prd', { KEPT: 'kept' });
  const token = fake.serviceToken('lab', 'prd', { access: 'read/write' });
  return {
    source: { type: 'doppler', url: fake.url },
    env: { DOPPLER_TOKEN: token },
    nameOf: (word) => word.toUpperCase(),
    async valueOf(name) {
      const answer = await fetch(`${fake.url}/v3/configs/config/secrets/download?format=json`, {
        headers: { authorization: `Bearer ${token}` },
      });
      const value = new Map(Object.entries((await answer.json()) as Record<string, string>)).get(name);
      return value === undefined ? undefined : Buffer.from(value);
    },
    set: async (name, text) => fake.set('lab', 'prd', name, text),
    remove: async (name) => fake.remove('lab', 'prd', name),
    allowOnlyReading: () => ({ DOPPLER_TOKEN: fake.serviceToken('lab', 'prd') }),
    hangNextWrite() {
      fake.fail({ kind: 'hang', path: '/v3/configs/config/secrets' });
      return () => fake.requests.some(({ method }) => method === 'POST');
    },
    refuses: ['binary'],
    [Symbol.asyncDispose]: () => fake.close(),
  };
}

async function openSakura(): Promise<Place> {
  const fake = await startFakeSakura({ perMinute: 100_000 });
  const vault = fake.addVault({ secrets: { kept: 'kept' } });
  const { accessToken, accessTokenSecret } = fake.addKey();
  return {
    source: { type: 'sakura', url: fake.url, vault, requestsPerMinute: 100 },
    env: { SAKURA_ACCESS_TOKEN: accessToken, SAKURA_ACCESS_TOKEN_SECRET: accessTokenSecret },
    nameOf: (word) => `app/${word}`,
    async valueOf(name) {
      const value = fake.secrets(vault).get(name)?.value;
      return value === undefined ? undefined : Buffer.from(value);
    },
    set: async (name, text) => void fake.set(vault, name, text),
    remove: async (name) => fake.remove(vault, name),
    allowOnlyReading() {
      fake.fail({ kind: 'status', status: 403, on: 'write' });
      return {};
    },
    hangNextWrite() {
      fake.fail({ kind: 'hang', on: 'write' });
      return () => fake.requests.some(({ operation }) => operation === 'write');
    },
    refuses: ['binary'],
    [Symbol.asyncDispose]: () => fake.close(),
  };
}

async function openProtocol(): Promise<Place> {
  const fake = await startFakeProtocol({ token: 'protocol-token', secrets: { kept: 'kept' } });
  return {
    source: { type: 'webhook', protocol: 'hikyaku', url: fake.url, token: { env: 'TOKEN' } },
    env: { TOKEN: 'protocol-token' },
    nameOf: (word) => `a/b ${word}`,
    valueOf: async (name) => fake.valueOf(name),
    set: async (name, text) => void fake.set(name, text),
    remove: async (name) => fake.remove(name),
    allowOnlyReading() {
      fake.fail({ kind: '403', path: '/v1/write' });
      return {};
    },
    hangNextWrite() {
      fake.fail({ kind: 'hang', path: '/v1/write' });
      return () => fake.requests.some(({ path }) => path === '/v1/write');
    },
    refuses: [],
    [Symbol.asyncDispose]: () => fake.close(),
  };
}

async function openWebhook(): Promise<Place> {
  const fake = await startFakeService({ secrets: { kept: 'kept' } });
  return {
    source: {
      type: 'webhook',
      url: fake.url,
      read: { url: '/raw/${name}' },
      list: { url: '/names', name: '$.name' },
      write: { method: 'PUT', url: '/secrets/${name}', body: { base64: '${valueBase64}' }, conditional: true },
      delete: { url: '/secrets/${name}', conditional: true },
    },
    env: {},
    nameOf: (word) => `a/b ${word}`,
    valueOf: async (name) => fake.valueOf(name),
    set: async (name, text) => void fake.set(name, text),
    remove: async (name) => fake.remove(name),
    allowOnlyReading() {
      fake.fail({ kind: 403, path: '/api/secrets/' });
      return {};
    },
    hangNextWrite() {
      fake.fail({ kind: 'hang', path: '/api/secrets/' });
      return () => fake.requests.some(({ method }) => method === 'PUT');
    },
    refuses: [],
    [Symbol.asyncDispose]: () => fake.close(),
  };
}

async function openDirectory(): Promise<Place> {
  const directory = await mkdtemp(join(tmpdir(), 'e2e-place-'));
  const path = join(directory, 'secrets');
  await mkdir(path);
  await writeFile(join(path, 'kept'), 'kept');
  return {
    source: { type: 'file', path },
    env: {},
    nameOf: same,
    valueOf: async (name) => ((await readdir(path)).includes(name) ? await readFile(join(path, name)) : undefined),
    set: (name, text) => writeFile(join(path, name), text),
    remove: (name) => unlink(join(path, name)),
    refuses: [],
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
  };
}

async function openYamlFile(): Promise<Place> {
  const directory = await mkdtemp(join(tmpdir(), 'e2e-place-'));
  const path = join(directory, 'secrets.yaml');
  await writeFile(path, '# ours\nkept: kept\n');
  const { parse, stringify } = await import('yaml');
  const read = async () => new Map(Object.entries(parse(await readFile(path, 'utf8')) as Record<string, string>));
  const write = async (values: ReadonlyMap<string, string>) =>
    await writeFile(path, stringify(Object.fromEntries(values)));
  return {
    source: { type: 'file', path },
    env: {},
    nameOf: same,
    async valueOf(name) {
      const value = (await read()).get(name);
      return value === undefined ? undefined : Buffer.from(value);
    },
    set: async (name, text) => await write((await read()).set(name, text)),
    async remove(name) {
      const values = await read();
      values.delete(name);
      await write(values);
    },
    refuses: ['binary'],
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
  };
}

async function openKubernetes(): Promise<Place> {
  const tls = selfSignedCertificate();
  const server = await startFakeApiServer({ tls });
  server.setSecret('shared', 'app', { kept: 'kept' });
  const token = server.token({ verbs: ['get', 'create', 'update'], namespace: 'shared', names: ['app'] });
  return {
    source: {
      type: 'kubernetes',
      namespace: 'shared',
      secrets: ['app'],
      server: server.url,
      kubeconfig: { env: 'OTHER' },
    },
    env: { OTHER: server.kubeconfig(token) },
    nameOf: (word) => `app/${word}`,
    async valueOf(name) {
      const base64 = server.secret('shared', 'app')?.data?.[name.slice('app/'.length)];
      return base64 === undefined ? undefined : Buffer.from(base64, 'base64');
    },
    set: async (name, text) => server.setKey('shared', 'app', name.slice('app/'.length), text),
    remove: async (name) => server.setKey('shared', 'app', name.slice('app/'.length), undefined),
    allowOnlyReading() {
      server.setRules(token, { verbs: ['get'], namespace: 'shared', names: ['app'] });
      return {};
    },
    hangNextWrite() {
      server.fail({ kind: 'hang', verb: 'update' });
      return () => server.requests.some(({ verb }) => verb === 'update');
    },
    refuses: [],
    [Symbol.asyncDispose]: () => server.close(),
  };
}

/** Every provider that can write. */
export const places: Readonly<Record<string, () => Promise<Place>>> = {
  doppler: openDoppler,
  sakura: openSakura,
  protocol: openProtocol,
  webhook: openWebhook,
  'file, a directory': openDirectory,
  'file, YAML': openYamlFile,
  kubernetes: openKubernetes,
};
