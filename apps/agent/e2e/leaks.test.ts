import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startFakeDoppler } from '@hikyaku/provider-doppler/testing';
import type { FakeDoppler, FakeFaultKind } from '@hikyaku/provider-doppler/testing';
import { selfSignedCertificate } from '@hikyaku/provider-utils/testing';
import {
  createNamespace,
  createSecret,
  eventually,
  field,
  hikyaku,
  installRights,
  patchSecret,
  readSecret,
  startCluster,
  startHikyaku,
  succeeded,
} from '@hikyaku/testbed';
import type { Cluster, Finished } from '@hikyaku/testbed';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { LeakSearch } from '../../../tools/testbed/src/leak-search.ts';
import { startLocalServer } from '../../../tools/testbed/src/local-server.ts';
import type { LocalAnswer, LocalRequest } from '../../../tools/testbed/src/local-server.ts';
import { readableObjects } from '../../../tools/testbed/src/readable-objects.ts';

const search = new LeakSearch();

/** Random letters and digits, known to the search. */
function secret(name: string, length = 60): string {
  // A letter that begins no JSON, so that a parser quotes it.
  const text = `q${random(length - 1)}`;
  search.add(name, text);
  return text;
}

function random(length: number): string {
  return randomBytes(length * 2)
    .toString('base64')
    .replaceAll(/[+/=]/g, '')
    .slice(0, length);
}

const plain = secret('a plain value');
const long = secret('a very long value', 200_000);
const special = [
  `"`,
  '\\',
  '\n',
  '&',
  '=',
  '%',
  '+',
  '/',
  '?',
  '#',
  '<',
  "'",
  '`',
  '$',
  '{',
  '}',
  'é',
  '飛',
  '😀',
  '\t',
  '\r\n',
]
  .map((character) => random(6) + character)
  .join('');
search.add('a value with special characters', special);
const pem = `-----BEGIN PRIVATE KEY-----\n${secret('a line of a key', 64)}\n${secret('another line of a key', 64)}\n-----END PRIVATE KEY-----\n`;
const inJson = secret('a value inside JSON');
const besideInJson = secret('another value inside the JSON');
const json = JSON.stringify({ connection: { password: inJson, port: 5432, nothing: null }, other: [besideInJson] });
const decoded = secret('a decoded value');
const encoded = Buffer.from(decoded).toString('base64');
const notJson = `{"password": ${secret('a value that is no JSON')}`;
const notBase64 = `*${secret('a value that is no base64')}`;
const notDockerConfig = `{"auths": ${secret('a value that the API server refuses')}`;
const drifted = secret('what somebody wrote over a Secret');
const foreignValue = secret("a value of somebody else's Secret");
const changed = secret('a value that came later');
const proxyPassword = secret("a proxy's password");

const secrets = {
  PLAIN: plain,
  LONG: long,
  SPECIAL: special,
  PEM: pem,
  JSON: json,
  ENCODED: encoded,
  NOT_JSON: notJson,
  NOT_BASE64: notBase64,
  NOT_DOCKER: notDockerConfig,
};
/** What an answer may hold that somebody wrote in anger. */
const echo = `${plain} ${special} ${pem} ${JSON.stringify(special)} ${Buffer.from(plain).toString('base64')} ${encodeURIComponent(special)}`;

let cluster: Cluster;
let doppler: FakeDoppler;
let kubeconfig: string;
let token: string;
let directory: string;
let files = 0;
/** All that any process wrote: checked after each test, and kept for none. */
let written: Finished[] = [];
let wroteBytes = 0;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hikyaku-leaks-'));
  [cluster, doppler] = await Promise.all([startCluster(), startFakeDoppler({ limits: { secretReads: 10_000 } })]);
  await installRights(cluster);
  kubeconfig = await cluster.agentKubeconfig();
  for (const [name, path] of [
    ["the agent's token", kubeconfig],
    ["the administrator's token", cluster.kubeconfig],
  ] as const) {
    // Of a JWT the signature; the claims hold times and names that stand elsewhere too.
    search.add(
      name,
      tokenOf(await readFile(path, 'utf8'))
        .split('.')
        .at(-1) ?? '',
    );
  }
  doppler.addConfig('homelab', 'prd', secrets);
  token = doppler.serviceToken('homelab', 'prd');
  search.add('a Doppler token', token.slice('dp.st.prd.'.length));
  for (const namespace of ['web', 'worker']) await createNamespace(cluster.admin, namespace);
});
afterAll(async () => {
  await cluster.stop();
  await doppler.close();
  await rm(directory, { recursive: true, force: true });
});

function tokenOf(text: string): string {
  const found = field(parse(text), 'users', 0, 'user', 'token');
  if (typeof found !== 'string') throw new Error('the kubeconfig has no token');
  return found;
}

/** One Secret `web/app` from the fake Doppler unless told otherwise. */
async function config(entry: object, source: object = {}): Promise<string> {
  const home = { type: 'doppler', project: 'homelab', config: 'prd', url: doppler.url, ...source };
  const path = join(directory, `${++files}.yaml`);
  const entries = [{ name: 'app', namespace: 'web', from: 'home', ...entry }];
  await writeFile(path, JSON.stringify({ hold: 'off', providers: { home }, secrets: entries }));
  return path;
}

type Env = Readonly<Record<string, string>>;

/** Runs plan as JSON and sync as text, with everything logged. */
async function planAndSync(path: string, env: Env = {}): Promise<readonly Finished[]> {
  const run = (command: readonly string[]) =>
    hikyaku([...command, '--config', path, '--log-level', 'trace'], {
      env: { KUBECONFIG: kubeconfig, DOPPLER_TOKEN: token, ...env },
      cwd: directory,
    });
  return remember([await run(['plan', '--json']), await run(['sync'])]);
}

/** Runs the daemon until it has logged this. */
async function runUntil(path: string, logged: Readonly<Record<string, unknown>>, env: Env = {}): Promise<Finished> {
  const daemon = startHikyaku(['run', '--config', path, '--log-level', 'trace'], {
    env: { KUBECONFIG: kubeconfig, DOPPLER_TOKEN: token, ...env },
    cwd: directory,
  });
  try {
    await daemon.logged(logged);
  } finally {
    await daemon.stop();
  }
  const finished = await daemon.finished;
  remember([finished]);
  return finished;
}

function remember(finished: readonly Finished[]): readonly Finished[] {
  written.push(...finished);
  wroteBytes += finished.reduce((sum, { stdout, stderr }) => sum + stdout.length + stderr.length, 0);
  return finished;
}

/** Fails when any process since the last call has written something secret. */
function expectNoLeak(): void {
  const texts = written;
  written = [];
  expect(texts.length).toBeGreaterThan(0);
  for (const { stdout, stderr } of texts) {
    expect(stdout.length + stderr.length).toBeGreaterThan(0);
    expect([...search.find(stdout, 'stdout'), ...search.find(stderr, 'stderr')]).toEqual([]);
  }
}

describe('the search', () => {
  const long64 = Buffer.from(`x${plain}`).toString('base64');
  test.each([
    ['the value', plain],
    ['ten characters of it', `a ${plain.slice(20, 30)} b`],
    ['what JSON.parse quotes of it', messageOf(() => JSON.parse(plain))],
    ['base64', Buffer.from(special).toString('base64')],
    ['base64 of a text that holds it', long64],
    ['base64 of a text that holds it, two bytes on', Buffer.from(`xx${plain}`).toString('base64')],
    ['base64url', Buffer.from(special).toString('base64url')],
    ['URL-encoded', `?q=${encodeURIComponent(special)}`],
    ['JSON', JSON.stringify({ special })],
    ['JSON in JSON', JSON.stringify(JSON.stringify({ special }))],
    ['hexadecimal', Buffer.from(plain).toString('hex')],
    ['a printed Buffer', String(Buffer.from(plain).toJSON().data)],
    ['a Buffer in JSON', JSON.stringify(Buffer.from(plain), null, 1).replaceAll(/\n */g, ' ')],
    ['the end of a very long value', long.slice(-20)],
  ])('finds %s', (_, text) => {
    expect(search.find(text, 'here')).not.toEqual([]);
  });

  test('finds nothing in what is not secret', () => {
    expect(search.find(`${random(200_000)} ${randomBytes(20_000).toString('hex')}`, 'here')).toEqual([]);
  });
});

describe('what hikyaku writes when all goes well', () => {
  const data = {
    plain: 'PLAIN',
    special: 'SPECIAL',
    pem: 'PEM',
    json: 'JSON',
    long: 'LONG',
    password: { key: 'JSON', property: 'connection.password' },
    other: { key: 'JSON', property: 'other' },
    decoded: { key: 'ENCODED', decode: 'base64' },
  };

  test('plans, syncs, and changes hold no value and no token', async () => {
    const path = await config({ data });
    const finished = await planAndSync(path);
    expect(finished.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
    const live = await readSecret(cluster.admin, 'web/app');
    expect(live?.data).toMatchObject({ plain, special, pem, long, password: inJson, decoded });
    doppler.set('homelab', 'prd', 'PLAIN', changed);
    const env = { KUBECONFIG: kubeconfig, DOPPLER_TOKEN: token };
    for (const command of [['plan'], ['sync', '--json']]) {
      remember([await hikyaku([...command, '--config', path, '--log-level', 'trace'], { env })]);
    }
    doppler.set('homelab', 'prd', 'PLAIN', plain);
    await planAndSync(path);
    expectNoLeak();
  });

  test('everything of a source, renamed and in several namespaces, holds none', async () => {
    const entry = { name: 'all', namespace: undefined, namespaces: ['web', 'worker'] };
    const path = await config({ ...entry, dataFrom: [{ keys: ['*', '!LONG'], transform: 'lower-kebab' }] });
    const finished = await planAndSync(path);
    expect(finished.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
    expectNoLeak();
  });

  test('the daemon, a change, and the repair of what somebody wrote hold none', async () => {
    const path = await config({ data }, { refresh: '1s' });
    const daemon = startHikyaku(['run', '--config', path, '--log-level', 'trace'], {
      env: { KUBECONFIG: kubeconfig, DOPPLER_TOKEN: token },
    });
    await daemon.logged({ msg: 'started' });
    await daemon.logged({ secret: 'web/app' });
    await patchSecret(cluster.admin, 'web/app', { stringData: { plain: drifted, another: drifted } });
    doppler.set('homelab', 'prd', 'PLAIN', changed);
    await eventually(async () => (await readSecret(cluster.admin, 'web/app'))?.data['plain'] === changed);
    doppler.set('homelab', 'prd', 'PLAIN', plain);
    await eventually(async () => (await readSecret(cluster.admin, 'web/app'))?.data['plain'] === plain);
    expect((await readSecret(cluster.admin, 'web/app'))?.data).not.toHaveProperty('another');
    remember([await daemon.stop()]);
    expectNoLeak();
  });

  test("a person's own rights, which may read Secrets, make it say no more", async () => {
    await createNamespace(cluster.admin, 'person');
    const path = await config({ name: 'personal', data });
    const finished = await planAndSync(path, { KUBECONFIG: cluster.kubeconfig });
    expect(finished.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
    await patchSecret(cluster.admin, 'web/personal', { stringData: { plain: drifted } });
    await planAndSync(path, { KUBECONFIG: cluster.kubeconfig });
    expectNoLeak();
  });

  test('a token in a Secret or in a file is shown no more than one in the environment', async () => {
    await createSecret(cluster.admin, 'hikyaku/doppler-token', { token });
    const path = await config({ data }, { token: { secretRef: { name: 'doppler-token', key: 'token' } } });
    const finished = await planAndSync(path, { DOPPLER_TOKEN: '' });
    expect(finished.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
    await writeFile(join(directory, 'token'), `${token}\n`);
    const [first] = await planAndSync(await config({ data }, { token: { file: 'token' } }), { DOPPLER_TOKEN: '' });
    expect(first?.exitCode).toBe(0);
    expectNoLeak();
  });
});

describe('what hikyaku writes when Doppler fails', () => {
  const kinds: readonly FakeFaultKind[] = ['400', '401', '403', '404', '429', '500'];

  test.each(kinds)('%s, with the token and values in its words, leads to no leak', async (kind) => {
    doppler.fail({ kind, times: Infinity, retryAfter: 0, messages: [`${token} ${echo}`, token, plain, special] });
    const path = await config({ data: { plain: 'PLAIN' } });
    const env = { KUBECONFIG: kubeconfig, DOPPLER_TOKEN: token };
    const [synced] = await Promise.all([
      hikyaku(['sync', '--config', path, '--log-level', 'trace'], { env }),
      runUntil(path, { msg: 'source failed' }),
    ]);
    remember([synced]);
    doppler.clearFaults();
    expect(synced.exitCode).toBe(1);
    expect(synced.stderr).toContain(kind);
    expectNoLeak();
  });

  interface Answer {
    readonly title: string;
    readonly status: number;
    readonly headers?: () => Readonly<Record<string, string>>;
    readonly body: () => unknown;
  }
  const answers: readonly Answer[] = [
    { title: 'a page of a proxy', status: 502, body: (): unknown => `<html><body>${token} ${echo}</body></html>` },
    { title: 'a page instead of JSON', status: 200, body: () => `<html>${token} ${echo}</html>` },
    { title: 'JSON that begins with a value', status: 200, body: () => `"${plain}" ${token}` },
    { title: 'half of a download', status: 200, body: () => JSON.stringify(secrets).slice(0, 50) },
    {
      title: 'nested values',
      status: 200,
      body: () => ({ DOPPLER_PROJECT: 'homelab', DOPPLER_CONFIG: 'prd', A: { raw: plain } }),
    },
    { title: 'names made of values', status: 200, body: () => ({ DOPPLER_PROJECT: plain, DOPPLER_CONFIG: special }) },
    {
      title: 'another message',
      status: 400,
      body: () => ({ messages: [{ token, plain }], error: special, data: plain }),
    },
    {
      title: 'a redirect',
      status: 302,
      headers: () => ({ location: `/login?token=${token}&value=${plain}` }),
      body: () => '',
    },
    {
      title: 'headers',
      status: 403,
      headers: () => ({ 'x-request-id': `${plain} ${token}`, 'retry-after': plain, etag: plain }),
      body: () => ({ messages: [] }),
    },
  ];

  test.each(answers)('$title, with the token and values in it, leads to no leak', async ({ status, headers, body }) => {
    await using server = await startLocalServer(() => ({ status, headers: headers?.() ?? {}, body: body() }));
    const path = await config({ data: { plain: 'PLAIN' } }, { url: server.url });
    const finished = remember([
      await hikyaku(['sync', '--json', '--config', path, '--log-level', 'trace'], {
        env: { KUBECONFIG: kubeconfig, DOPPLER_TOKEN: token },
      }),
    ]);
    expect(finished[0]?.exitCode).toBe(1);
    expect(server.requests.some((request) => request.headers.authorization?.includes(token))).toBe(true);
    expectNoLeak();
  });

  test('a token that Doppler does not know, and that it quotes, is not shown', async () => {
    const wrong = `dp.st.prd.${secret('a wrong Doppler token', 40)}`;
    doppler.fail({ kind: '401', times: 4, messages: [`Invalid token ${wrong}: ${wrong.slice(0, 30)}`] });
    const finished = await planAndSync(await config({ data: { plain: 'PLAIN' } }), { DOPPLER_TOKEN: wrong });
    doppler.clearFaults();
    expect(finished.map(({ exitCode }) => exitCode)).toEqual([1, 1]);
    expectNoLeak();
  });

  test('a token that no header can carry is not shown', async () => {
    const broken = `dp.st.prd.${secret('half a token', 30)}\n${secret('the other half', 30)}\u0001é`;
    const finished = await planAndSync(await config({ data: { plain: 'PLAIN' } }), { DOPPLER_TOKEN: broken });
    expect(finished.map(({ exitCode }) => exitCode)).toEqual([1, 1]);
    expectNoLeak();
  });

  test.each([
    ['that is not there', async () => 'http://127.0.0.1:9'],
    ['that refuses', async () => (await refusingProxy()).url],
  ])("a proxy %s does not make it show the proxy's password", async (_, proxy) => {
    const url = (await proxy()).replace('http://', `http://ann:${proxyPassword}@`);
    const path = await config({ data: { plain: 'PLAIN' } });
    const finished = await planAndSync(path, {
      HTTP_PROXY: url,
      HTTPS_PROXY: url,
      NO_PROXY: new URL(cluster.url).host,
    });
    expect(finished.map(({ exitCode }) => exitCode)).toEqual([1, 1]);
    expectNoLeak();
  });
});

describe('what hikyaku writes when a Secret cannot be as it is wanted', () => {
  test.each([
    {
      title: 'a value that is no JSON',
      entry: { data: { a: { key: 'NOT_JSON', property: 'password' } } },
      says: 'is not JSON',
    },
    {
      title: 'a property that is not there',
      entry: { data: { a: { key: 'JSON', property: 'connection.user' } } },
      says: 'has no property',
    },
    { title: 'null', entry: { data: { a: { key: 'JSON', property: 'connection.nothing' } } }, says: 'has null' },
    {
      title: 'a value that is no base64',
      entry: { data: { a: { key: 'NOT_BASE64', decode: 'base64' } } },
      says: 'is not base64',
    },
    {
      title: 'a value that is no base64url',
      entry: { data: { a: { key: 'SPECIAL', decode: 'base64url' } } },
      says: 'is not base64url',
    },
    {
      title: 'two values for a key',
      entry: { dataFrom: [{ keys: 'PLAIN' }], data: { PLAIN: 'SPECIAL' } },
      says: 'two values',
    },
    { title: 'a key that the source lacks', entry: { data: { a: 'NOWHERE' } }, says: 'has no NOWHERE' },
    {
      title: 'a value that the API server refuses',
      entry: { name: 'docker', type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': 'NOT_DOCKER' } },
      says: 'refuses it',
    },
    {
      title: 'a type that is not granted',
      entry: { name: 'typed', type: 'example.com/other', data: { a: 'PLAIN' } },
      says: 'not granted',
    },
    {
      title: 'a namespace that does not exist',
      entry: { namespace: 'nowhere', data: { a: 'PLAIN' } },
      says: 'does not exist',
    },
    {
      title: 'labels that are not granted',
      entry: { name: 'labelled', labels: { team: 'web' }, data: { a: 'PLAIN' } },
      says: 'not granted',
    },
  ])('$title leads to no leak', async ({ entry, says }) => {
    const finished = await planAndSync(await config(entry));
    expect(finished.map(({ exitCode }) => exitCode)).toEqual([1, 1]);
    for (const { stdout } of finished) expect(stdout).toContain(says);
    expectNoLeak();
  });

  test("somebody else's Secret of the same name leads to no leak, also of its values", async () => {
    await createSecret(cluster.admin, 'web/foreign', { value: foreignValue });
    const path = await config({ name: 'foreign', data: { a: 'PLAIN' } });
    for (const account of [kubeconfig, cluster.kubeconfig]) {
      const finished = await planAndSync(path, { KUBECONFIG: account });
      expect(finished.map(({ exitCode }) => exitCode)).toEqual([1, 1]);
      for (const { stdout } of finished) expect(stdout).toContain('is not ours');
    }
    expectNoLeak();
  });
});

describe('what hikyaku writes when the API server fails', () => {
  test.each([
    { title: 'refuses the token', kubeToken: () => secret('a wrong kubeconfig token', 80), says: '401' },
    {
      title: 'is given a token that no header can carry',
      kubeToken: () => `${secret('half a kubeconfig token', 40)}\n\u0001é`,
      says: 'error: ',
    },
  ])('an API server that $title leads to no leak', async ({ kubeToken, says }) => {
    const path = join(directory, `kubeconfig-${++files}`);
    const right = await readFile(kubeconfig, 'utf8');
    await writeFile(
      path,
      right
        .replace(JSON.stringify(tokenOf(right)), () => JSON.stringify(kubeToken()))
        .replace(tokenOf(right), () => JSON.stringify(kubeToken())),
    );
    const finished = await planAndSync(await config({ data: { plain: 'PLAIN' } }), { KUBECONFIG: path });
    for (const { exitCode, stderr } of finished) {
      expect(exitCode).toBe(1);
      expect(stderr).toContain(says);
    }
    expectNoLeak();
  });

  test.each([
    {
      title: 'quotes the request in a Status',
      status: 422,
      body: (text: string) => ({
        kind: 'Status',
        message: text,
        reason: 'Invalid',
        details: { causes: [{ message: text, field: 'data' }] },
      }),
    },
    {
      title: 'fails in the words of the request',
      status: 500,
      body: (text: string) => ({ kind: 'Status', message: text, reason: 'InternalError' }),
    },
    { title: 'quotes the request in a page', status: 500, body: (text: string) => `<html>${text}</html>` },
    { title: 'quotes the request in a page that means well', status: 201, body: (text: string) => text },
    {
      title: 'forbids in the words of the request',
      status: 403,
      body: (text: string) => ({ kind: 'Status', message: `secrets "app" is forbidden: ${text}`, reason: 'Forbidden' }),
    },
    {
      title: 'answers with an object that is none',
      status: 201,
      body: (text: string) => ({ metadata: text, data: text }),
    },
  ])('an API server that $title leads to no leak', async ({ status, body }) => {
    const kubeToken = secret('a kubeconfig token that is quoted', 60);
    const certificate = selfSignedCertificate();
    const respond = ({ method, path, headers, body: sent }: LocalRequest): LocalAnswer => {
      if (path.includes('selfsubjectreviews'))
        return { status: 201, body: { status: { userInfo: { username: 'ann' } } } };
      if (method === 'POST' && path.includes('/namespaces/web/secrets')) {
        return { status, body: body(`${String(headers.authorization)} ${sent} ${echo}`) };
      }
      if (method === 'GET')
        return path.endsWith('/namespaces/hikyaku') ? { status: 200, body: {} } : { status: 404, body: {} };
      return { status: 201, body: { metadata: { uid: 'u', resourceVersion: '1' } } };
    };
    await using server = await startLocalServer(respond, certificate);
    const kubeconfigPath = join(directory, `kubeconfig-${++files}`);
    await writeFile(
      kubeconfigPath,
      JSON.stringify({
        clusters: [
          {
            name: 'c',
            cluster: {
              server: server.url,
              'certificate-authority-data': Buffer.from(certificate.cert).toString('base64'),
            },
          },
        ],
        users: [{ name: 'u', user: { token: kubeToken } }],
        contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
        'current-context': 'x',
      }),
    );
    const path = await config({ data: { plain: 'PLAIN', special: 'SPECIAL', pem: 'PEM' } });
    await planAndSync(path, { KUBECONFIG: kubeconfigPath });
    expect(server.requests.some(({ body: sent }) => sent.includes(Buffer.from(plain).toString('base64')))).toBe(true);
    expectNoLeak();
  });
});

describe('what hikyaku writes when it crashes', () => {
  test.each([
    { title: 'an error whose message holds the value', raise: 'throw new Error(text)', says: 'bug' },
    {
      title: 'an error with lines that look like a stack',
      raise: 'throw new TypeError(`x\\n    at ${text} (file.js:1:1)\\n    at ${text}:1:1`)',
      says: 'TypeError',
    },
    {
      title: 'an error whose cause holds the value',
      raise: 'throw new Error("x", { cause: new Error(text) })',
      says: 'bug',
    },
    {
      title: 'an error with the value in a property',
      raise: 'throw Object.assign(new Error("x"), { code: text, value: text, stderr: text })',
      says: 'bug',
    },
    { title: 'a text', raise: 'throw text', says: 'bug' },
    {
      title: 'an exception that nobody catches',
      raise: 'setImmediate(() => { throw new Error(text) }); return this.constructor.prototype',
      says: 'bug',
    },
    { title: 'a rejection that nobody catches', raise: 'void Promise.reject(new Error(text))', says: 'bug' },
  ])('$title leads to a report that can be sent, and to no leak', async ({ raise, says }) => {
    const preload = join(directory, `crash-${++files}.mjs`);
    // The first value whose fingerprint is made brings the process down.
    await writeFile(
      preload,
      `import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
const { createHmac } = crypto;
crypto.createHmac = (...args) => {
  const hmac = createHmac(...args);
  const update = hmac.update.bind(hmac);
  hmac.update = (bytes) => {
    const text = typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString();
    if (text.includes(${JSON.stringify(plain.slice(0, 12))})) { ${raise} }
    return update(bytes);
  };
  return hmac;
};
syncBuiltinESMExports();
`,
    );
    const path = await config({ data: { plain: 'PLAIN' } });
    const crashes = await Promise.all(
      ['sync', 'run'].map((command) =>
        hikyaku([command, '--config', path, '--log-level', 'trace'], {
          env: { KUBECONFIG: kubeconfig, DOPPLER_TOKEN: token },
          cwd: directory,
          nodeFlags: ['--import', preload],
        }),
      ),
    );
    remember(crashes);
    for (const { exitCode, stderr } of crashes) {
      expect(exitCode).toBe(1);
      expect(stderr).toContain('hikyaku stopped because of a bug in it; please report this');
      expect(stderr).toContain(says);
    }
    expectNoLeak();
  });
});

describe('what stays in the cluster and on the disk', () => {
  test('no object but the data of Secrets holds a value, a token, or the key of the inventory', async () => {
    await planAndSync(await config({ name: 'all', namespace: 'worker', dataFrom: [{ keys: ['*', '!LONG'] }] }));
    expectNoLeak();
    const key = succeeded(await cluster.admin('GET', '/api/v1/namespaces/hikyaku/secrets/hikyaku-inventory-key'));
    const hmacKey = String(field(key, 'data', 'hmac.key'));
    expect(Buffer.from(hmacKey, 'base64')).toHaveLength(32);
    search.add('the key of the inventory', hmacKey.replace(/=+$/, ''));
    search.add('the key of the inventory', Buffer.from(hmacKey, 'base64').toString('hex'));

    const objects = await readableObjects(cluster.admin);
    const names = objects.map(({ name }) => name);
    for (const name of ['secrets worker/all', 'configmaps hikyaku/hikyaku-inventory']) expect(names).toContain(name);
    expect(objects.find(({ name }) => name === 'configmaps hikyaku/hikyaku-inventory')?.text).toContain('worker/all');
    expect(objects.flatMap(({ name, text }) => search.find(text, name))).toEqual([]);
  });

  test('no process has written a file', async () => {
    const ours = /^(?:\d+\.yaml|token|kubeconfig-\d+|crash-\d+\.mjs)$/;
    expect((await readdir(directory)).filter((name) => !ours.test(name))).toEqual([]);
    expect(wroteBytes).toBeGreaterThan(50_000);
  });
});

async function refusingProxy(): Promise<{ readonly url: string }> {
  return await startLocalServer(({ headers }) => ({
    status: 407,
    body: `<html>${headers['proxy-authorization']} ${headers.authorization}</html>`,
  }));
}

function messageOf(quote: () => unknown): string {
  try {
    return String(quote());
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
