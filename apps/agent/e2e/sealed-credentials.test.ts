import { createPublicKey, verify } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { startFakeDoppler } from '@hikyaku/provider-doppler/testing';
import type { FakeDoppler } from '@hikyaku/provider-doppler/testing';
import {
  ConfigFiles,
  createNamespace,
  expectExit,
  field,
  hikyaku,
  installRights,
  mintToken,
  readSecret,
  startCluster,
  startHikyaku,
  succeeded,
} from '@hikyaku/testbed';
import type { Cluster, Finished } from '@hikyaku/testbed';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { LeakSearch } from '../../../tools/testbed/src/leak-search.ts';
import { startLocalServer } from '../../../tools/testbed/src/local-server.ts';
import { giveKey } from './sealed/cluster-key.ts';
import type { ClusterKey } from './sealed/cluster-key.ts';

let cluster: Cluster;
let kubeconfig: string;
let doppler: FakeDoppler;
let key: ClusterKey;
let files: ConfigFiles;
const search = new LeakSearch();

beforeAll(async () => {
  [cluster, doppler] = await Promise.all([startCluster(), startFakeDoppler({ limits: { secretReads: 10_000 } })]);
  await installRights(cluster);
  kubeconfig = await cluster.agentKubeconfig();
  await createNamespace(cluster.admin, 'web');
  key = await giveKey(cluster.admin);
  files = new ConfigFiles();
  search.add('the identity', key.identity.slice('AGE-SECRET-KEY-1'.length));
});
afterAll(async () => {
  await files[Symbol.asyncDispose]();
  await doppler.close();
  await cluster.stop();
});
beforeEach(() => {
  doppler.resetCounters();
});
let written: Finished[] = [];
afterEach(() => {
  const leaks = written.flatMap(({ stdout, stderr }) => [
    ...search.find(stdout, 'stdout'),
    ...search.find(stderr, 'stderr'),
  ]);
  written = [];
  if (leaks.length > 0) throw new Error(JSON.stringify(leaks));
});

/** A config of Doppler of its own, with one secret, and the token for it. */
function addConfig(name: string): string {
  doppler.addConfig('homelab', name, { VALUE: `value of ${name}` });
  const token = doppler.serviceToken('homelab', name);
  search.add(`the token of ${name}`, token.slice(token.lastIndexOf('.') + 1));
  return token;
}

async function sealed(token: string, origin = doppler.url): Promise<string> {
  return await key.seal(token, { use: 'doppler/token', to: [new URL(origin).origin] });
}

interface Parts {
  readonly providers: Readonly<Record<string, object>>;
  readonly data?: string;
}

/** One Secret for each source, of the same name. */
async function write({ providers, data = 'VALUE' }: Parts): Promise<string> {
  const secrets = Object.keys(providers).map((name) => ({ name, namespace: 'web', from: name, data: { value: data } }));
  return await files.write({ recipients: key.recipients, hold: 'off', providers, secrets });
}

function dopplerSource(name: string, token: object, more: object = {}): object {
  return { type: 'doppler', url: doppler.url, project: 'homelab', config: name, token, ...more };
}

async function run(command: readonly string[], config: string, kube = kubeconfig): Promise<Finished> {
  const finished = await hikyaku([...command, '--config', config, '--log-level', 'trace'], {
    env: { KUBECONFIG: kube },
  });
  written.push(finished);
  return finished;
}

/** Runs the daemon until each of these sources has been read or has failed. */
async function runUntilSettled(config: string, sources: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const daemon = startHikyaku(['run', '--config', config, '--log-level', 'trace'], { env: { KUBECONFIG: kubeconfig } });
  const outcomes = await Promise.all(
    sources.map(async (source): Promise<[string, string]> => {
      const line = await Promise.race([
        daemon.logged({ source, msg: 'source failed' }),
        daemon.logged({ secret: `web/${source}`, msg: 'applied' }),
      ]);
      return [source, line['msg'] === 'applied' ? 'applied' : JSON.stringify(line)];
    }),
  );
  written.push(await daemon.stop());
  return new Map(outcomes);
}

describe('sealed credentials', () => {
  test('one bad of five: the other four sources work', async () => {
    const names = ['one', 'two', 'three', 'four', 'five'];
    const providers = Object.fromEntries(
      await Promise.all(
        names.map(async (name): Promise<[string, object]> => {
          const text = await sealed(addConfig(name));
          return [name, dopplerSource(name, { sealed: name === 'three' ? damage(text, 30) : text })];
        }),
      ),
    );
    const outcomes = await runUntilSettled(await write({ providers }), names);
    expect([...outcomes].filter(([, outcome]) => outcome === 'applied').map(([name]) => name)).toEqual([
      'one',
      'two',
      'four',
      'five',
    ]);
    expect(outcomes.get('three')).toMatch(
      /"code":"INVALID_CONFIG".*token of source three \(\S+:\d+\) cannot be opened/,
    );
    expect((await readSecret(cluster.admin, 'web/five'))?.data).toEqual({ value: 'value of five' });
  });

  test('a changed letter of its text, anywhere, is an error, and nothing is sent', async () => {
    const text = await sealed(addConfig('flipped'));
    const { length } = bodyOf(text);
    const positions = Array.from({ length: 16 }, (_, n) => Math.floor((n * (length - 1)) / 15));
    const names = positions.map((at) => `flipped-${at}`);
    const providers = Object.fromEntries(
      positions.map((at) => [`flipped-${at}`, dopplerSource('flipped', { sealed: damage(text, at) })]),
    );
    const outcomes = await runUntilSettled(await write({ providers }), names);
    expect([...outcomes].filter(([, outcome]) => !outcome.includes('cannot be opened'))).toEqual([]);
    expect(doppler.requests).toEqual([]);
  });

  test('a refused token is said with the day it was sealed on', async () => {
    const token = addConfig('revoked');
    doppler.revoke(token);
    const config = await write({ providers: { revoked: dopplerSource('revoked', { sealed: await sealed(token) }) } });
    const { exitCode, stdout } = await run(['sync', '--json'], config);
    expect(exitCode).toBe(1);
    expect(stdout).toContain(
      'token was sealed on 2026-03-01: has it been revoked? Seal a new one: hikyaku seal providers.revoked.token',
    );
  });

  test('the one of this cluster is used, and no other one is opened', async () => {
    const token = addConfig('own');
    const perCluster = { home: { sealed: await sealed(token) } };
    const config = await write({ providers: { own: dopplerSource('own', { perCluster }) } });
    expectExit(await run(['sync'], config), 0);
    expect((await readSecret(cluster.admin, 'web/own'))?.data).toEqual({ value: 'value of own' });
    doppler.revoke(token);
    expect((await run(['sync', '--json'], config)).stdout).toContain(
      'Seal a new one: hikyaku seal providers.own.token.perCluster.home',
    );
  });
});

/** The base64 of an armored text. */
function bodyOf(text: string): string {
  return text.split('\n').slice(1, -2).join('\n');
}

/** Another letter at, or after, this place of the base64. */
function damage(text: string, at: number): string {
  const start = text.indexOf('\n') + 1;
  let index = start + at;
  while (!/[A-Za-z0-9+/]/.test(text.charAt(index))) index--;
  return text.slice(0, index) + (text.charAt(index) === 'x' ? 'y' : 'x') + text.slice(index + 1);
}

describe('a token of the ServiceAccount', () => {
  interface Claims {
    readonly iss: string;
    readonly sub: string;
    readonly aud: readonly string[];
    readonly iat: number;
    readonly exp: number;
    readonly 'kubernetes.io': Readonly<Record<string, unknown>>;
  }

  /** A service that checks the token as such services do: by the keys that the API server publishes. */
  async function startService() {
    const jwks = succeeded(await cluster.admin('GET', '/openid/v1/jwks'));
    const keys = field(jwks, 'keys');
    const seen: Claims[] = [];
    const service = await startLocalServer(({ headers }) => {
      const token = /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1] ?? '';
      const claims = claimsOf(token, Array.isArray(keys) ? keys : []);
      if (claims === undefined) return { status: 401, body: {} };
      search.add(`token ${seen.length}`, token.split('.').at(-1) ?? '');
      seen.push(claims);
      return { status: 200, body: { value: 'from the service' } };
    });
    return Object.assign(service, { seen });
  }

  function claimsOf(token: string, keys: readonly unknown[]): Claims | undefined {
    const [header = '', payload = '', signature = ''] = token.split('.');
    const { alg, kid } = JSON.parse(Buffer.from(header, 'base64url').toString() || '{}');
    const jwk: unknown = keys.find((one) => field(one, 'kid') === kid);
    if (typeof jwk !== 'object' || jwk === null || !['RS256', 'ES256'].includes(alg)) return undefined;
    const publicKey = createPublicKey({ key: { ...jwk }, format: 'jwk' });
    const dsaEncoding = 'ieee-p1363';
    const isGood = verify(
      'sha256',
      Buffer.from(`${header}.${payload}`),
      { key: publicKey, dsaEncoding },
      Buffer.from(signature, 'base64url'),
    );
    return isGood ? JSON.parse(Buffer.from(payload, 'base64url').toString()) : undefined;
  }

  async function configFor(url: string, more: object = {}): Promise<string> {
    const lan = {
      type: 'webhook',
      url,
      token: { serviceAccountToken: {} },
      read: { url: '/${name}', result: '$.value' },
      ...more,
    };
    return await write({ providers: { lan } });
  }

  test('is signed by the API server, for this service alone, and lives an hour at most', async () => {
    await using service = await startService();
    expectExit(await run(['sync'], await configFor(service.url)), 0);
    expect((await readSecret(cluster.admin, 'web/lan'))?.data).toEqual({ value: 'from the service' });
    const [claims] = service.seen;
    expect(claims).toMatchObject({ aud: [service.url], sub: 'system:serviceaccount:hikyaku:hikyaku' });
    const { iat = 0, exp = 0 } = claims ?? {};
    expect(exp - iat).toBeLessThanOrEqual(3600);
    expect(exp).toBeGreaterThan(Date.now() / 1000);
  });

  test('that is asked for in a Pod ends with that Pod', async () => {
    await using service = await startService();
    const securityContext = {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    };
    const containers = [{ name: 'agent', image: 'none', securityContext }];
    const pod = { metadata: { name: 'hikyaku-1' }, spec: { serviceAccountName: 'hikyaku', containers } };
    succeeded(await cluster.admin('POST', '/api/v1/namespaces/hikyaku/pods', pod));
    const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', name: 'hikyaku-1' };
    const token = await mintToken(cluster.admin, 'hikyaku', 'hikyaku', { boundObjectRef });
    const inPod = `${kubeconfig}-in-pod`;
    await writeFile(
      inPod,
      (await readFile(kubeconfig, 'utf8'))
        .replace(/(token:\s*"?)[\w.-]+/, `$1${token}`)
        .replace(/("token":\s*")[^"]+/, `$1${token}`),
    );
    expectExit(await run(['sync'], await configFor(service.url), inPod), 0);
    expect(service.seen[0]?.['kubernetes.io']).toMatchObject({ pod: { name: 'hikyaku-1' } });
  });

  test('is what a person gets who may ask for it', async () => {
    await using service = await startService();
    const config = await configFor(service.url);
    expectExit(await run(['sync'], config, cluster.kubeconfig), 0);
    expect(service.seen[0]?.sub).toBe('system:serviceaccount:hikyaku:hikyaku');
  });

  test('for what the API server itself accepts is refused', async () => {
    const path = '/api/v1/namespaces/hikyaku/serviceaccounts/hikyaku/token';
    const audiences = field(succeeded(await cluster.admin('POST', path, { spec: {} })), 'spec', 'audiences');
    const [audience] = Array.isArray(audiences) ? audiences.map(String) : [];
    const { exitCode, stderr } = await run(['sync'], await configFor(String(audience)));
    expect(exitCode).toBe(2);
    expect(stderr).toContain(
      `a token for the audience ${audience} is refused: it is what the API server itself accepts`,
    );
  });

  test('goes to no service beside the one that it is for', async () => {
    await using victim = await startService();
    await using thief = await startService();
    const oauth = { tokenUrl: `${victim.url}/token`, clientId: 'x', clientSecret: { env: 'HOME' } };
    const headers = { 'X-Token': { serviceAccountToken: { audience: victim.url } } };
    const { exitCode, stderr } = await run(['sync'], await configFor(thief.url, { token: undefined, oauth, headers }));
    expect(exitCode).toBe(2);
    expect(stderr).toContain('it must be the only one, so that nobody else is handed the token');
    expect([...victim.requests, ...thief.requests]).toEqual([]);
  });
});
