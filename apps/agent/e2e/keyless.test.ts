import type { JsonWebKey } from 'node:crypto';
import { type FakeDoppler, startFakeDoppler } from '@hikyaku/provider-doppler/testing';
import { type FakeSakura, startFakeSakura } from '@hikyaku/provider-sakura/testing';
import {
  type Cluster,
  ConfigFiles,
  createNamespace,
  deleteSecret,
  expectExit,
  field,
  hikyaku,
  installRights,
  mintToken,
  readSecret,
  resetInventory,
  type Running,
  startCluster,
  startHikyaku,
  succeeded,
} from '@hikyaku/testbed';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { ownIdentity } from './examples/own-identity.ts';
import type { OwnIdentity } from './examples/own-identity.ts';

// Nothing secret in the config, none in the environment: the built agent in two clusters, with the rights of deploy/rights-own.yaml alone
// and one config file, proves who it is by the cluster's own key (SAKURA) and by its ServiceAccount (Doppler).

const VALUE = 'correct-horse-battery';
const SUBJECT = 'system:serviceaccount:hikyaku:hikyaku';
const NAMES = ['home', 'cabin'] as const;
type Name = (typeof NAMES)[number];

interface Member extends OwnIdentity {
  readonly cluster: Cluster;
  readonly kubeconfig: string;
}

const configs = new ConfigFiles();
const running = new Set<Running>();
let members: Readonly<Record<Name, Member>>;
let sakura: FakeSakura;
let doppler: FakeDoppler;

beforeAll(async () => {
  const [home, cabin] = await Promise.all(NAMES.map(() => openMember()));
  if (home === undefined || cabin === undefined) throw new Error('two clusters were to be opened');
  members = { home, cabin };
}, 120_000);

beforeEach(async () => {
  [sakura, doppler] = await Promise.all([startFakeSakura({ perMinute: 10_000 }), startFakeDoppler()]);
});

afterEach(async () => {
  const ended = await Promise.all([...running].map(async (agent) => await agent.stop()));
  running.clear();
  const hidden = [VALUE, ...sakura.accessTokens, ...sakura.assertions, ...doppler.identityTokens].filter(
    (text) => text.length > 8,
  );
  await Promise.all([sakura.close(), doppler.close()]);
  for (const { cluster } of Object.values(members)) {
    await deleteSecret(cluster.admin, 'web/env').catch(() => {});
    await resetInventory(cluster.admin);
  }
  for (const { stdout, stderr } of ended)
    for (const text of hidden) if ((stdout + stderr).includes(text)) throw new Error('a value or token was printed');
});

afterAll(async () => {
  await Promise.all(Object.values(members ?? {}).map(({ cluster }) => cluster.stop()));
  await configs[Symbol.asyncDispose]();
});

/** A cluster whose agent has run once, as it does after it was installed: it has made its keys, and shows the public ones. */
async function openMember(): Promise<Member> {
  const cluster = await startCluster({ controllers: false });
  await installRights(cluster);
  await createNamespace(cluster.admin, 'web');
  succeeded(await cluster.admin('POST', '/api/v1/namespaces/web/serviceaccounts', { metadata: { name: 'other' } }));
  return { cluster, kubeconfig: await cluster.agentKubeconfig(), ...(await ownIdentity(cluster)) };
}

/** The same file for both: it has nothing that only one of them may know. */
async function writeConfig(providers: object): Promise<string> {
  return await configs.write({
    recipients: { home: members.home.recipient, cabin: members.cabin.recipient },
    hold: 'off',
    providers,
    secrets: [{ name: 'env', namespace: 'web', from: Object.keys(providers)[0] }],
  });
}

async function run(name: Name, path: string): Promise<Running> {
  const agent = startHikyaku(['run', '--config', path, '--kubeconfig', members[name].kubeconfig]);
  running.add(agent);
  await agent.logged({ msg: 'started' });
  return agent;
}

async function becomes(name: Name, data: object): Promise<void> {
  const { admin } = members[name].cluster;
  await vi.waitFor(async () => expect((await readSecret(admin, 'web/env'))?.data).toEqual(data), {
    timeout: 20_000,
    interval: 100,
  });
}

/** What the agent says about its source. */
async function says(agent: Running, words: string): Promise<void> {
  await vi.waitFor(() => expect(agent.stdout).toContain(words), { timeout: 20_000, interval: 100 });
}

describe('a service principal of SAKURA', () => {
  let kid: Record<Name, string>;
  let principal: string;
  let vault: string;

  beforeEach(() => {
    principal = sakura.addPrincipal();
    vault = sakura.addVault({ secrets: { PASSWORD: VALUE } });
    kid = {
      home: sakura.uploadKey(principal, members.home.publicKey),
      cabin: sakura.uploadKey(principal, members.cabin.publicKey),
    };
  });

  const source = () => ({
    shop: { type: 'sakura', vault, url: sakura.url, refresh: '1s', servicePrincipal: { id: principal, kid } },
  });

  test('one file serves both clusters, each with the key that it made itself', async () => {
    const path = await writeConfig(source());
    await Promise.all(NAMES.map((name) => run(name, path)));
    await Promise.all(NAMES.map((name) => becomes(name, { PASSWORD: VALUE })));
    expect(new Set(sakura.assertions.map(keyOf))).toEqual(new Set([kid.home, kid.cabin]));
    sakura.set(vault, 'PASSWORD', `${VALUE}-2`);
    await Promise.all(NAMES.map((name) => becomes(name, { PASSWORD: `${VALUE}-2` })));
  });

  test('one access token is enough for many refreshes, and one that was ended is replaced once', async () => {
    await run('home', await writeConfig(source()));
    await becomes('home', { PASSWORD: VALUE });
    sakura.resetCounters();
    await vi.waitFor(() => expect(sakura.counters.lists).toBeGreaterThanOrEqual(6), { timeout: 20_000 });
    expect(sakura.counters).toMatchObject({ tokens: 0, unveils: 0, errors: 0 });
    expect(sakura.accessTokens).toHaveLength(1);
    sakura.revokeTokens();
    await vi.waitFor(() => expect(sakura.accessTokens).toHaveLength(2), { timeout: 20_000 });
    sakura.set(vault, 'PASSWORD', 'changed-since');
    await becomes('home', { PASSWORD: 'changed-since' });
    expect(sakura.accessTokens).toHaveLength(2);
  });

  test('a key that is disabled at SAKURA stops that cluster only, and says which key to upload', async () => {
    const path = await writeConfig(source());
    const agents = { home: await run('home', path), cabin: await run('cabin', path) };
    await Promise.all(NAMES.map((name) => becomes(name, { PASSWORD: VALUE })));
    sakura.enableKey(kid.cabin, false);
    sakura.revokeTokens();
    await says(agents.cabin, `SAKURA does not know key ${kid.cabin} of service principal ${principal}`);
    await says(agents.cabin, 'kubectl get configmap hikyaku-identity');
    sakura.set(vault, 'PASSWORD', 'changed-since');
    await becomes('home', { PASSWORD: 'changed-since' });
    expect((await readSecret(members.cabin.cluster.admin, 'web/env'))?.data).toEqual({ PASSWORD: VALUE });
    expect(agents.home.stdout).not.toContain('does not know key');
  });

  test('an API key beside it is a mistake in the config', async () => {
    const { shop } = source();
    const path = await writeConfig({ shop: { ...shop, accessToken: { env: 'SAKURA_ACCESS_TOKEN' } } });
    const validated = await hikyaku(['validate', '--config', path]);
    expectExit(validated, 2);
    expect(validated.stderr).toContain('`accessToken` is not used by a source that is configured like this one');
  });

  test('a token endpoint on another host than the API is one too', async () => {
    const { shop } = source();
    const servicePrincipal = { ...shop.servicePrincipal, tokenUrl: 'https://secure.sakura.ad.jp/token' };
    const validated = await hikyaku([
      'validate',
      '--config',
      await writeConfig({ shop: { ...shop, servicePrincipal } }),
    ]);
    expectExit(validated, 2);
    expect(validated.stderr).toContain('must be on the host of `url`');
  });
});

describe('a service account identity of Doppler', () => {
  let identity: Record<Name, string>;

  beforeEach(async () => {
    doppler.addConfig('homelab', 'prd', { PASSWORD: VALUE });
    identity = { home: await addIdentity('home'), cabin: await addIdentity('cabin') };
  });

  /** With what Doppler would find at the cluster's issuer. */
  async function addIdentity(name: Name): Promise<string> {
    const { admin } = members[name].cluster;
    const discovery = succeeded(await admin('GET', '/.well-known/openid-configuration'));
    const keys = field(succeeded(await admin('GET', '/openid/v1/jwks')), 'keys');
    return doppler.addIdentity({
      issuer: String(field(discovery, 'issuer')),
      keys: Array.isArray(keys) ? keys.map((key): JsonWebKey => Object(key)) : [],
      audience: doppler.url,
      subject: SUBJECT,
    });
  }

  const source = (more: object = {}) => ({
    homelab: {
      type: 'doppler',
      project: 'homelab',
      config: 'prd',
      url: doppler.url,
      refresh: '1s',
      oidc: { identity },
      ...more,
    },
  });

  test('one file serves both clusters, each by tokens that its API server signed', async () => {
    const path = await writeConfig(source());
    await Promise.all(NAMES.map((name) => run(name, path)));
    await Promise.all(NAMES.map((name) => becomes(name, { PASSWORD: VALUE })));
    expect(doppler.identityTokens).toHaveLength(2);
    doppler.resetCounters();
    await vi.waitFor(() => expect(doppler.counters.notModified304).toBeGreaterThanOrEqual(10), { timeout: 20_000 });
    expect(doppler.counters).toMatchObject({ downloads200: 0, errors: 0 });
    expect(doppler.identityTokens).toHaveLength(2);
  });

  test('an identity that is removed stops that cluster only, and says what the token says', async () => {
    const path = await writeConfig(source());
    const agents = { home: await run('home', path), cabin: await run('cabin', path) };
    await Promise.all(NAMES.map((name) => becomes(name, { PASSWORD: VALUE })));
    doppler.removeIdentity(identity.cabin);
    doppler.revokeIdentityTokens();
    await says(agents.cabin, `Doppler does not take this cluster's token for identity ${identity.cabin} (401`);
    await says(agents.cabin, `subject ${SUBJECT}, audience ${doppler.url}`);
    doppler.set('homelab', 'prd', 'PASSWORD', 'changed-since');
    await becomes('home', { PASSWORD: 'changed-since' });
    expect((await readSecret(members.cabin.cluster.admin, 'web/env'))?.data).toEqual({ PASSWORD: VALUE });
  });

  test('a token of another ServiceAccount, of another cluster or for another audience opens nothing', async () => {
    const { home, cabin } = members;
    const wrong = [
      await mintToken(home.cluster.admin, 'web', 'other', { audiences: [doppler.url] }),
      await mintToken(cabin.cluster.admin, 'hikyaku', 'hikyaku', { audiences: [doppler.url] }),
      await mintToken(home.cluster.admin, 'hikyaku', 'hikyaku', { audiences: ['https://evil.example'] }),
    ];
    const exchange = async (token: string) => {
      const headers = { 'content-type': 'application/json' };
      const body = JSON.stringify({ identity: identity.home, token });
      const answer = await fetch(`${doppler.url}/v3/auth/oidc`, { method: 'POST', headers, body });
      await answer.body?.cancel();
      return answer.status;
    };
    expect(await Promise.all(wrong.map(exchange))).toEqual([401, 401, 401]);
    const right = await mintToken(home.cluster.admin, 'hikyaku', 'hikyaku', { audiences: [doppler.url] });
    expect(await exchange(right)).toBe(200);
  });

  test('another audience than the url, and a token beside it, are mistakes in the config', async () => {
    const audience = 'https://api.doppler.com';
    const other = await hikyaku(['validate', '--config', await writeConfig(source({ oidc: { identity, audience } }))]);
    expectExit(other, 2);
    expect(other.stderr).toContain('must be the origin of `url`');
    const both = await hikyaku([
      'validate',
      '--config',
      await writeConfig(source({ token: { env: 'DOPPLER_TOKEN' } })),
    ]);
    expectExit(both, 2);
    expect(both.stderr).toContain('`token` is not used by a source that is configured like this one');
  });
});

/** The `kid` of an assertion's header. */
function keyOf(assertion: string): unknown {
  return field(JSON.parse(Buffer.from(assertion.split('.')[0] ?? '', 'base64url').toString()), 'kid');
}
