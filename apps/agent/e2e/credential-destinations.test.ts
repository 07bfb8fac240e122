import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { selfSignedCertificate } from '@hikyaku/provider-utils/testing';
import { bindingOf } from '@hikyaku/sealing';
import {
  createNamespace,
  createSecret,
  expectExit,
  hikyaku,
  installRights,
  readSecret,
  startCluster,
  succeeded,
} from '@hikyaku/testbed';
import type { Cluster, Finished } from '@hikyaku/testbed';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { LeakSearch } from '../../../tools/testbed/src/leak-search.ts';
import { startLocalServer } from '../../../tools/testbed/src/local-server.ts';
import type { LocalAnswer, LocalServer } from '../../../tools/testbed/src/local-server.ts';
import { giveKey } from './sealed/cluster-key.ts';
import type { ClusterKey } from './sealed/cluster-key.ts';

const TOKEN = 'dp.st.prd.qT7vKp3mXw9cRz2LfHb6NsJd8YgAe4Uo';
const trusted = selfSignedCertificate();
const other = selfSignedCertificate();
const search = new LeakSearch();
search.add('the token', TOKEN.slice('dp.st.prd.'.length));

let cluster: Cluster;
let kubeconfig: string;
let key: ClusterKey;
let work: string;
/** Where the credential may go; and where it must not. */
let home: LocalServer;
let evil: LocalServer;
let evilTls: LocalServer;
let redirectTo: string | undefined;

function answer(): LocalAnswer {
  if (redirectTo !== undefined) return { status: 302, headers: { location: redirectTo }, body: '' };
  const whoItIs = { DOPPLER_PROJECT: 'homelab', DOPPLER_CONFIG: 'prd', DOPPLER_ENVIRONMENT: 'prd' };
  return { status: 200, body: { ...whoItIs, VALUE: 'it', value: 'it' } };
}

beforeAll(async () => {
  cluster = await startCluster();
  await installRights(cluster);
  kubeconfig = await cluster.agentKubeconfig();
  await createNamespace(cluster.admin, 'web');
  [home, evil, evilTls] = await Promise.all([
    startLocalServer(answer, trusted),
    startLocalServer(answer),
    startLocalServer(answer, other),
  ]);
  key = await giveKey(cluster.admin);
  search.add('the identity', key.identity.slice('AGE-SECRET-KEY-1'.length));
});
afterAll(async () => {
  for (const server of [home, evil, evilTls]) await server[Symbol.asyncDispose]();
  await cluster.stop();
});

let seen = { home: 0, evil: 0 };
let written: Finished[] = [];
beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), 'hikyaku-destinations-'));
  redirectTo = undefined;
  seen = { home: home.requests.length, evil: evil.requests.length + evilTls.requests.length };
});
afterEach(async () => {
  await rm(work, { recursive: true });
  const leaks = written.flatMap(({ stdout, stderr }) => [
    ...search.find(stdout, 'stdout'),
    ...search.find(stderr, 'stderr'),
  ]);
  written = [];
  if (leaks.length > 0) throw new Error(JSON.stringify(leaks));
});

/** How many requests reached each since the test began. */
function hits(): { readonly home: number; readonly evil: number } {
  return {
    home: home.requests.length - seen.home,
    evil: evil.requests.length + evilTls.requests.length - seen.evil,
  };
}

async function sync(
  providers: object,
  env: Readonly<Record<string, string>> = {},
  flags: readonly string[] = [],
): Promise<Finished> {
  await mkdir(join(work, 'config'), { recursive: true });
  const config = join(work, 'config', 'hikyaku.yaml');
  const secrets = [{ name: 'app', namespace: 'web', from: 's', data: { value: 'VALUE' } }];
  await writeFile(config, JSON.stringify({ recipients: key.recipients, hold: 'off', providers, secrets }, null, 2));
  const args = ['sync', '--json', '--config', config, '--log-level', 'trace', ...flags];
  const finished = await hikyaku(args, { env: { KUBECONFIG: kubeconfig, ...env } });
  written.push(finished);
  return finished;
}

/** Refused before any request, and says why. */
async function expectRefused(
  providers: object,
  message: string | RegExp,
  env?: Readonly<Record<string, string>>,
): Promise<void> {
  const { exitCode, stdout, stderr } = await sync(providers, env);
  expect(exitCode).toBe(2);
  expect(stdout + stderr).toMatch(message);
  expect(hits()).toEqual({ home: 0, evil: 0 });
}

function doppler(token: object, more: object = {}): object {
  return { s: { type: 'doppler', url: home.url, project: 'homelab', config: 'prd', ca: trusted.cert, token, ...more } };
}

/** As `hikyaku seal` makes it for the config as it is above. */
async function sealedForHome(): Promise<string> {
  return await key.seal(TOKEN, bindingOf('doppler', 'token', [home.url], trusted.cert));
}

describe('a sealed credential', () => {
  test('goes where it was sealed for', async () => {
    expectExit(await sync(doppler({ sealed: await sealedForHome() })), 0);
    expect(hits()).toEqual({ home: 1, evil: 0 });
    expect(home.requests.at(-1)?.headers.authorization).toBe(`Bearer ${TOKEN}`);
    expect((await readSecret(cluster.admin, 'web/app'))?.data).toEqual({ value: 'it' });
  });

  const port = (server: LocalServer): string => new URL(server.url).port;
  const changes: readonly [what: string, config: (token: object) => object, asked: () => string][] = [
    [
      'another host',
      (token) => doppler(token, { url: `https://localhost:${port(home)}` }),
      () => `https://localhost:${port(home)}`,
    ],
    ['another port', (token) => doppler(token, { url: evilTls.url }), () => evilTls.url],
    ['another scheme and port', (token) => doppler(token, { url: evil.url }), () => evil.url],
    [
      'another scheme',
      (token) => doppler(token, { url: home.url.replace('https', 'http') }),
      () => home.url.replace('https', 'http'),
    ],
    ['other certificates', (token) => doppler(token, { ca: other.cert }), () => 'certificates sha256-'],
    [
      'one more certificate',
      (token) => doppler(token, { ca: trusted.cert + other.cert }),
      () => 'certificates sha256-',
    ],
    ["the system's certificates", (token) => doppler(token, { ca: undefined }), () => "the system's certificates"],
    [
      'another type',
      (token) => ({
        s: { type: 'webhook', url: home.url, ca: trusted.cert, token, read: { url: '/${name}', result: '$.value' } },
      }),
      () => 'webhook/token at',
    ],
    [
      'another field of another type',
      (token) => ({
        s: {
          type: 'webhook',
          url: home.url,
          ca: trusted.cert,
          headers: { 'X-Api-Key': token },
          read: { url: '/${name}', result: '$.value' },
        },
      }),
      () => 'webhook/headers.X-Api-Key at',
    ],
  ];

  test.each(changes)('goes nowhere with %s, and the message says what it was sealed for', async (_, config, asked) => {
    const sealed = await sealedForHome();
    const { exitCode, stderr } = await sync(config({ sealed }));
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(
      /of source s \(\S+hikyaku\.yaml:\d+\) is refused: sealed for doppler\/token at https:\/\/127\.0\.0\.1/,
    );
    expect(stderr.slice(stderr.indexOf('asked for'))).toContain(asked());
    expect(hits()).toEqual({ home: 0, evil: 0 });
  });

  test.each(['https://${HOST}', 'https://{{ host }}', 'https://$(HOST)/x'])(
    'no host is made of a variable: %s',
    async (url) => {
      await expectRefused(
        doppler({ sealed: await sealedForHome() }, { url }),
        /is refused: sealed for doppler\/token at https:\/\/127|url/,
        {
          HOST: new URL(evilTls.url).host,
        },
      );
    },
  );

  test('follows no redirect to another origin', async () => {
    const sealed = await sealedForHome();
    for (const target of [
      `${evil.url}/`,
      `${evilTls.url}/v3/configs/config/secrets/download`,
      `//${new URL(evil.url).host}/`,
    ]) {
      redirectTo = target;
      const { exitCode } = await sync(doppler({ sealed }));
      expect(exitCode).toBe(1);
    }
    expect(hits().home).toBeGreaterThan(0);
    expect(hits().evil).toBe(0);
  });
});

describe('a proxy', () => {
  test('is named by the environment alone, and sees a tunnel and no credential', async () => {
    const heard: Buffer[] = [];
    const proxy = createServer((socket) => {
      socket.once('data', (first) => {
        heard.push(first);
        const [, port] = /^CONNECT \S+:(\d+) /.exec(first.toString()) ?? [];
        if (port === undefined) return void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
        const upstream = connect(Number(port), '127.0.0.1', () => {
          socket.write('HTTP/1.1 200 OK\r\n\r\n');
          socket.on('data', (chunk) => void (heard.push(chunk), upstream.write(chunk)));
          upstream.pipe(socket);
        });
        for (const one of [socket, upstream])
          one.on('error', () => {}).on('close', () => void (socket.destroy(), upstream.destroy()));
      });
    }).listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const address = proxy.address();
    const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
    try {
      for (const words of [{ proxy: url }, { httpsProxy: url }])
        await expectRefused(doppler({ sealed: await sealedForHome() }, words), 'unknown key');
      expectExit(
        await sync(doppler({ sealed: await sealedForHome() }), {
          HTTPS_PROXY: url,
          NO_PROXY: new URL(cluster.url).host,
        }),
        0,
      );
      const text = Buffer.concat(heard).toString('latin1');
      expect(text).toContain('CONNECT 127.0.0.1');
      expect(text).not.toContain(TOKEN);
    } finally {
      proxy.close();
    }
  });
});

describe('a credential out of a Secret', () => {
  const token = { secretRef: { name: 'tokens', key: 'token' } };

  beforeAll(async () => {
    const annotations = { 'hikyaku.dev/to': 'https://api.doppler.com, https://nas.lan' };
    await createSecret(cluster.admin, 'hikyaku/tokens', { token: TOKEN }, { annotations });
    await createSecret(
      cluster.admin,
      'hikyaku/home-token',
      { token: TOKEN },
      { annotations: { 'hikyaku.dev/to': `https://nas.lan ${home.url}` } },
    );
  });

  test('goes only where an annotation of the Secret says', async () => {
    await expectRefused(
      doppler(token),
      `token of source s is refused: Secret hikyaku/tokens may be sent only to https://api.doppler.com, https://nas.lan by its annotation hikyaku.dev/to, asked for ${home.url}`,
    );
    expectExit(await sync(doppler({ secretRef: { name: 'home-token', key: 'token' } })), 0);
    expect(hits()).toEqual({ home: 1, evil: 0 });
  });
});

describe('in a pod, a credential that is not bound', () => {
  const IN_POD = { KUBERNETES_SERVICE_HOST: '192.0.2.1', KUBERNETES_SERVICE_PORT: '443', DOPPLER_TOKEN: TOKEN };
  const env = { env: 'DOPPLER_TOKEN' };
  const elsewhere = 'https://doppler.nas.lan';
  const refused = `token of source s is refused: it is not bound to a destination, so it goes to https://api.doppler.com and not to ${elsewhere}`;

  async function grant(grants: string): Promise<void> {
    const data = { types: 'Opaque', metadataPrefixes: '', reservedNamespaces: 'kube-system', 'grants.yaml': grants };
    succeeded(
      await cluster.admin('PUT', '/api/v1/namespaces/hikyaku/configmaps/hikyaku-grants', {
        metadata: { name: 'hikyaku-grants' },
        data,
      }),
    );
  }

  test('is sent to another origin than the usual one only where that is named', async () => {
    await grant('version: 1');
    await expectRefused(doppler(env, { url: elsewhere }), refused, IN_POD);
    await expectRefused(doppler({ ...env, env: 'HOME' }, { url: elsewhere }), refused, IN_POD);
    await grant('origins: ["https://api.doppler.com"]');
    await expectRefused(doppler(env, { url: elsewhere }), refused, IN_POD);
  });

  test('goes there by a grant, or by the word of who starts the agent', async () => {
    await grant('version: 1');
    expectExit(await sync(doppler(env), IN_POD, ['--allow-origin', home.url]), 0);
    await grant(`origins: ["${home.url}"]`);
    expectExit(await sync(doppler(env), IN_POD), 0);
    expect(hits()).toEqual({ home: 2, evil: 0 });
  });

  describe('of a service of ours', () => {
    /** Not where a source may not go at all. */
    const anywhere = (): string => evil.url.replace('127.0.0.1', '203.0.113.9');
    const proxy = (): Readonly<Record<string, string>> => ({
      ...IN_POD,
      HTTP_PROXY: evil.url,
      NO_PROXY: new URL(cluster.url).host,
    });
    const webhook = (token: object): object => ({
      s: {
        type: 'webhook',
        url: anywhere(),
        allowPlainHttp: true,
        token,
        read: { url: '/${name}', result: '$.value' },
      },
    });

    test.each([
      ['a variable', { env: 'DOPPLER_TOKEN' }, ''],
      [
        'a Secret',
        { secretRef: { name: 'unbound', key: 'token' } },
        ', write it into the annotation hikyaku.dev/to of Secret unbound',
      ],
    ])('is not sent elsewhere by a source of another kind: out of %s', async (_, token, remedy) => {
      await createSecret(cluster.admin, 'hikyaku/unbound', { token: TOKEN }).catch(() => {});
      await grant('version: 1');
      const message = `token of source s is refused: it is not bound to a destination, so it goes only where that is named and not to ${anywhere()}. Seal it for ${anywhere()}${remedy}, start`;
      await expectRefused(webhook(token), message, proxy());
    });

    test('goes where the owner of its Secret says', async () => {
      await grant('version: 1');
      const annotations = { 'hikyaku.dev/to': anywhere() };
      await createSecret(cluster.admin, 'hikyaku/said', { token: TOKEN }, { annotations });
      expectExit(await sync(webhook({ secretRef: { name: 'said', key: 'token' } }), proxy()), 0);
      expect(hits()).toEqual({ home: 0, evil: 1 });
    });
  });

  test('that is missing is named with the line that would grant it, also on the own machine', async () => {
    const path = join(work, 'config');
    await mkdir(path);
    await writeFile(join(path, 'grants.yaml'), 'version: 1\n');
    await sync(doppler(env, { url: elsewhere }), {
      DOPPLER_TOKEN: TOKEN,
      HTTPS_PROXY: 'http://127.0.0.1:1',
      NO_PROXY: '127.0.0.1',
    });
    const { stdout } = await hikyaku(['validate', '--config', join(path, 'hikyaku.yaml')]);
    expect(stdout).toContain(
      `  ! source s: token may not be sent to ${elsewhere}: what is not sealed goes to https://api.doppler.com only\n`,
    );
    expect(stdout).toContain(`  origins: [${elsewhere}]\n`);
  });

  test('while one that is sealed carries its own destination', async () => {
    await grant('version: 1');
    const sealed = await key.seal(TOKEN, bindingOf('doppler', 'token', [elsewhere], trusted.cert));
    const { exitCode, stdout } = await sync(doppler({ sealed }, { url: elsewhere }), {
      ...IN_POD,
      HTTPS_PROXY: 'http://127.0.0.1:1',
      NO_PROXY: '127.0.0.1',
    });
    // Nobody is there, which is all that is wrong.
    expect(exitCode).toBe(1);
    expect(stdout).toContain('UNAVAILABLE');
  });
});
