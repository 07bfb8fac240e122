import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CredentialReference, SealedReference, SourceConfig } from '@hikyaku/config';
import { ProviderError, SecretValue } from '@hikyaku/core';
import type { Provider } from '@hikyaku/core';
import { FakeClock } from '@hikyaku/core/testing';
import type { KubeClient } from '@hikyaku/kube-client';
import doppler from '@hikyaku/provider-doppler';
import { selfSignedCertificate } from '@hikyaku/provider-utils/testing';
import webhook from '@hikyaku/provider-webhook';
import { fingerprintOf, generateIdentity, Opener, parseIdentities, seal } from '@hikyaku/sealing';
import type { Binding } from '@hikyaku/sealing';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { bindingOfCredential } from './binding-of-credential.ts';
import { Credentials } from './credentials.ts';
import { SealedValues } from './sealed-values.ts';

const { signal } = new AbortController();
const TOKEN = 'dp.st.prd.hunter2hunter2';
const DOPPLER: Binding = { use: 'doppler/token', to: ['https://api.doppler.com'] };

interface Key {
  readonly identity: string;
  readonly recipient: string;
}

let home: Key;
let other: Key;
let folder: string;
let ca: string;
let otherCa: string;

beforeAll(async () => {
  [home, other] = await Promise.all([newKey(), newKey()]);
  [ca, otherCa] = [selfSignedCertificate().cert, selfSignedCertificate().cert];
  folder = await mkdtemp(join(tmpdir(), 'hikyaku-sealed-'));
});
afterAll(async () => await rm(folder, { recursive: true }));

async function newKey(): Promise<Key> {
  const { file, recipient } = await generateIdentity();
  const [identity = ''] = parseIdentities(file);
  return { identity, recipient };
}

/** Opens with real child processes, and counts them. */
class CountingOpener extends Opener {
  opened: number[] = [];

  override async open(...[texts, ...rest]: Parameters<Opener['open']>): ReturnType<Opener['open']> {
    this.opened.push(texts.length);
    return await super.open(texts, ...rest);
  }
}

let opener: CountingOpener;
let identities: readonly string[] | ProviderError;
let cluster: string | undefined;
let values: SealedValues;

beforeEach(() => {
  opener = new CountingOpener();
  identities = [home.identity];
  cluster = 'home';
  const identity = {
    cluster: async () => cluster,
    async identities() {
      if (identities instanceof ProviderError) throw identities;
      return identities;
    },
    signingKey: () => Promise.reject(new Error('not asked for here')),
  };
  values = new SealedValues(identity, opener);
});

async function sealedTo(key: Key, binding = DOPPLER, value = TOKEN, name = 'home'): Promise<SealedReference> {
  const recipients = new Map([[name, [key.recipient]]]);
  const text = await seal(SecretValue.of(value), { recipients, binding, now: Date.UTC(2026, 2, 1) });
  return { text, unbound: false, position: { file: 'hikyaku.yaml', line: 7, column: 15 } };
}

interface SourceParts {
  readonly provider?: Pick<Provider, 'type'>;
  readonly origins?: readonly string[];
  readonly ca?: string;
  readonly field?: string;
}

function sourceWith(
  reference: CredentialReference,
  { provider = doppler, origins = ['https://api.doppler.com'], field = 'token', ...more }: SourceParts = {},
): SourceConfig {
  const description = { identity: 'x', origins, ...more };
  return {
    name: 'homelab',
    provider,
    description,
    credentials: new Map([[field, reference]]),
  } as unknown as SourceConfig;
}

function credentialsOf(source: SourceConfig, unboundOrigins?: readonly string[]): Credentials {
  const client = {} as KubeClient;
  return new Credentials(source, {
    env: {},
    client,
    clock: new FakeClock(),
    namespace: 'hikyaku',
    sealed: values,
    unboundOrigins,
  });
}

async function textOf(
  source: SourceConfig,
  field = 'token',
  unboundOrigins?: readonly string[],
): Promise<string | undefined> {
  return (await credentialsOf(source, unboundOrigins).get(field, { signal })).text();
}

async function messageOf(source: SourceConfig, field = 'token', unboundOrigins?: readonly string[]): Promise<string> {
  const error = await textOf(source, field, unboundOrigins).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toMatchObject({ code: 'INVALID_CONFIG' });
  if (!(error instanceof ProviderError)) throw new TypeError('no ProviderError');
  expect(error.message).not.toContain('hunter2');
  expect(error.message).not.toContain(home.identity.slice(20, 30));
  return error.message;
}

describe('a sealed credential', () => {
  test('is opened for what it was sealed for, and it is known when that was, and when it was used', async () => {
    const credentials = credentialsOf(sourceWith({ sealed: await sealedTo(home) }));
    expect((await credentials.get('token', { signal })).text()).toBe(TOKEN);
    expect(credentials.sealedAt).toEqual(new Map([['token', '2026-03-01T00:00:00.000Z']]));
    expect(credentials.sealedPaths).toEqual(new Map([['token', 'providers.homelab.token']]));
    expect([...values.usedAt]).toEqual([['providers.homelab.token', Date.UTC(2026, 0, 1)]]);
  });

  test('several that are asked for at about the same time are opened by one process, once', async () => {
    const sealed = await Promise.all([1, 2, 3, 4, 5].map((n) => sealedTo(home, DOPPLER, `token-${n}`)));
    const ask = () => Promise.all(sealed.map((one) => textOf(sourceWith({ sealed: one }))));
    expect(await ask()).toEqual(['token-1', 'token-2', 'token-3', 'token-4', 'token-5']);
    expect(await ask()).toHaveLength(5);
    expect(opener.opened).toEqual([5]);
  });

  test('one that is damaged is no trouble for the others', async () => {
    const sealed = await Promise.all([1, 2, 3].map((n) => sealedTo(home, DOPPLER, `token-${n}`)));
    const [, damaged] = sealed;
    if (damaged === undefined) throw new TypeError('not sealed');
    const text = damaged.text.replace(
      /(.)(\n-----END)/,
      (_, last: string, end: string) => (last === 'A' ? 'B' : 'A') + end,
    );
    const results = await Promise.allSettled(
      [sealed[0], { ...damaged, text }, sealed[2]].map((one) => textOf(sourceWith({ sealed: one ?? damaged }))),
    );
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await messageOf(sourceWith({ sealed: { ...damaged, text } }))).toMatch(
      /^token of source homelab \(hikyaku\.yaml:7\) cannot be opened: /,
    );
  });

  test('is opened anew when the identity changes', async () => {
    const source = sourceWith({ sealed: await sealedTo(home) });
    await textOf(source);
    identities = [other.identity];
    await messageOf(source);
    identities = [other.identity, home.identity];
    expect(await textOf(source)).toBe(TOKEN);
    expect(opener.opened).toEqual([1, 1, 1]);
  });

  test('whoever gives up leaves it to the others', async () => {
    const source = sourceWith({ sealed: await sealedTo(home) });
    const control = new AbortController();
    const first = credentialsOf(source).get('token', { signal: control.signal });
    const second = textOf(source);
    control.abort(new Error('stopped'));
    await expect(first).rejects.toThrow('stopped');
    expect(await second).toBe(TOKEN);
  });
});

describe('refused is what was sealed for', () => {
  const cases: readonly [what: string, asked: () => SourceParts, message: string][] = [
    ['another host', () => ({ origins: ['https://evil.example'] }), 'https://evil.example'],
    ['another scheme', () => ({ origins: ['http://api.doppler.com'] }), 'http://api.doppler.com'],
    ['another port', () => ({ origins: ['https://api.doppler.com:8443'] }), 'https://api.doppler.com:8443'],
    [
      'one origin, and now two',
      () => ({ origins: ['https://api.doppler.com', 'https://evil.example'] }),
      'https://api.doppler.com, https://evil.example',
    ],
    ['another type', () => ({ provider: webhook }), 'webhook/token at https://api.doppler.com'],
    ['another field', () => ({ field: 'headers.X-Api-Key' }), 'doppler/headers.X-Api-Key at https://api.doppler.com'],
    ['another trust', () => ({ ca }), 'certificates sha256-'],
    [
      'one of our own types, and now a plug-in of that name',
      () => ({ provider: { ...doppler } }),
      'plug-in:doppler/token at https://api.doppler.com',
    ],
  ];

  test.each(cases)('%s', async (_, parts, asked) => {
    const { field = 'token', ...rest } = parts();
    const message = await messageOf(sourceWith({ sealed: await sealedTo(home) }, { field, ...rest }), field);
    expect(message).toContain(
      `${field} of source homelab (hikyaku.yaml:7) is refused: sealed for doppler/token at https://api.doppler.com`,
    );
    expect(message.slice(message.indexOf('asked for'))).toContain(asked);
  });

  test('other certificates, also in the same file', async () => {
    const file = join(folder, 'ca.pem');
    await writeFile(file, ca);
    const binding = await bindingOfCredential(sourceWith({ env: 'X' }, { ca: file }), 'token');
    expect(binding).toEqual(await bindingOfCredential(sourceWith({ env: 'X' }, { ca }), 'token'));
    const source = sourceWith({ sealed: await sealedTo(home, binding) }, { ca: file });
    expect(await textOf(source)).toBe(TOKEN);
    await writeFile(file, otherCa);
    expect(await messageOf(source)).toContain('is refused: sealed for doppler/token at https://api.doppler.com with');
    await rm(file);
    expect(await messageOf(source)).toContain(`the CA file ${file} cannot be read`);
  });
});

describe('a value without a binding', () => {
  function byAge(): SealedReference {
    const script = `
      import { Encrypter, armor } from 'age-encryption';
      const encrypter = new Encrypter();
      encrypter.addRecipient(process.argv[1]);
      process.stdout.write(armor.encode(await encrypter.encrypt(process.argv[2])));`;
    const cwd = new URL('../../../../packages/sealing', import.meta.url);
    const { stdout, stderr } = spawnSync(
      process.execPath,
      ['--input-type=module', '-e', script, home.recipient, TOKEN],
      { cwd, encoding: 'utf8' },
    );
    if (stdout === '') throw new Error(stderr);
    return { text: stdout, unbound: false, position: { file: 'hikyaku.yaml', line: 7, column: 1 } };
  }

  test('is refused, unless the config accepts it', async () => {
    const sealed = byAge();
    expect(await messageOf(sourceWith({ sealed }))).toContain('is refused: it does not say where it may be sent');
    expect(await textOf(sourceWith({ sealed: { ...sealed, unbound: true } }))).toBe(TOKEN);
  });

  test('in a pod goes where any credential may go that is not bound', async () => {
    const sealed = { ...byAge(), unbound: true };
    const source = sourceWith({ sealed }, { origins: ['https://evil.example'] });
    expect(await messageOf(source, 'token', [])).toContain('not to https://evil.example');
    expect(await textOf(source, 'token', ['https://evil.example'])).toBe(TOKEN);
  });

  test('is no way around a binding that is there', async () => {
    const sealed = { ...(await sealedTo(home)), unbound: true };
    const source = sourceWith({ sealed }, { origins: ['https://evil.example'] });
    expect(await messageOf(source)).toContain('is refused: sealed for doppler/token at https://api.doppler.com');
  });
});

describe('who cannot open it learns why:', () => {
  test('a new cluster', async () => {
    cluster = undefined;
    const message = await messageOf(sourceWith({ sealed: await sealedTo(other) }));
    expect(message).toContain(`it is sealed for home (${fingerprintOf(other.recipient)})`);
    expect(message).toContain(`this cluster's key is ${home.recipient} (${fingerprintOf(home.recipient)})`);
    expect(message).toContain(`hikyaku recipients add NAME ${home.recipient}`);
  });

  test('a cluster that the value was not sealed for yet', async () => {
    cluster = 'cabin';
    expect(await messageOf(sourceWith({ sealed: await sealedTo(other) }))).toMatch(
      /and not for cabin: run hikyaku rewrap$/,
    );
  });

  test('a cluster whose identity was made anew', async () => {
    const message = await messageOf(sourceWith({ sealed: await sealedTo(other) }));
    expect(message).toContain('was its identity Secret made anew?');
    expect(message).toContain(`hikyaku recipients add home ${home.recipient} --replace`);
  });

  test('one without an identity', async () => {
    identities = new ProviderError('INVALID_CONFIG', 'Secret hikyaku/hikyaku-identity holds no age identity');
    expect(await messageOf(sourceWith({ sealed: await sealedTo(home) }))).toBe(
      'token of source homelab (hikyaku.yaml:7) is sealed, and cannot be opened: Secret hikyaku/hikyaku-identity holds no age identity',
    );
  });

  test('one whose identity cannot be read now, which is tried again soon', async () => {
    identities = new ProviderError('UNAVAILABLE', 'no answer');
    await expect(textOf(sourceWith({ sealed: await sealedTo(home) }))).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      retryable: true,
    });
  });
});

describe('with a value for each cluster', () => {
  async function perCluster(): Promise<CredentialReference> {
    const [mine, theirs] = await Promise.all([sealedTo(home), sealedTo(other, DOPPLER, 'theirs', 'cabin')]);
    return {
      perCluster: new Map([
        ['home', mine],
        ['cabin', theirs],
      ]),
    };
  }

  test('a cluster opens its own', async () => {
    const credentials = credentialsOf(sourceWith(await perCluster()));
    expect((await credentials.get('token', { signal })).text()).toBe(TOKEN);
    expect(credentials.sealedPaths).toEqual(new Map([['token', 'providers.homelab.token.perCluster.home']]));
  });

  test("and not another's, by whatever name", async () => {
    cluster = 'cabin';
    await messageOf(sourceWith(await perCluster()));
  });

  test('one that has none, or does not know which it is, is told so', async () => {
    const source = sourceWith(await perCluster());
    cluster = 'lab';
    expect(await messageOf(source)).toContain(
      'is sealed for home, cabin, and not for this cluster, lab: hikyaku seal providers.homelab.token --cluster lab',
    );
    cluster = undefined;
    expect(await messageOf(source)).toContain('which one this is, is not known');
    expect(opener.opened).toEqual([]);
  });
});
