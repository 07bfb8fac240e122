import { parseConfig } from '@hikyaku/config';
import { SecretValue } from '@hikyaku/core';
import { fingerprintOf, generateIdentity, readHeader, seal } from '@hikyaku/sealing';
import { beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { bindingOfCredential } from '../credentials/binding-of-credential.ts';
import { builtInTypes, loadBuiltIn } from '../providers.ts';
import { lintConfig } from './lint.ts';

const BINDING = { use: 'doppler/token', to: ['https://api.doppler.com'] };
const NAMES = ['home', 'cabin', 'lab', 'me', 'later'] as const;
let keys: Readonly<Record<(typeof NAMES)[number], string>>;

beforeAll(async () => {
  const [home, cabin, lab, me, later] = await Promise.all(NAMES.map(async () => (await generateIdentity()).recipient));
  keys = { home: `${home}`, cabin: `${cabin}`, lab: `${lab}`, me: `${me}`, later: `${later}` };
});

type Name = (typeof NAMES)[number];
interface Shape {
  readonly recipients?: object;
  readonly token?: object;
  readonly source?: object;
  readonly secrets?: readonly object[];
}

function backup(): object {
  return { key: keys.me, backup: true };
}

function named(...names: readonly Name[]): ReadonlyMap<string, readonly string[]> {
  return new Map(names.map((name) => [name, [keys[name]]]));
}

async function sealed(recipients = named('home', 'cabin', 'me'), before?: string, binding = BINDING): Promise<string> {
  return await seal(SecretValue.of('dp.st.prd.not-shown'), {
    recipients,
    binding,
    now: Date.now(),
    ...(before !== undefined && { before: await readHeader(before) }),
  });
}

async function textOf({ recipients, token, source = {}, secrets }: Shape = {}): Promise<string> {
  return stringify({
    recipients: recipients ?? { home: keys.home, cabin: keys.cabin, me: backup() },
    providers: {
      doppler: {
        type: 'doppler',
        project: 'homelab',
        config: 'prd',
        token: token ?? { sealed: await sealed() },
        ...source,
      },
    },
    secrets: secrets ?? [{ name: 'app', namespace: 'web', from: 'doppler' }],
  });
}

async function lint(text: string) {
  const files = [{ path: 'hikyaku.yaml', text }];
  const result = await parseConfig(files, { providers: { types: builtInTypes, load: loadBuiltIn } });
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return await lintConfig({ config: result.config, files, bindingOf: bindingOfCredential });
}

/** `E CODE path: message`. */
async function found(shape: Shape | string): Promise<readonly string[]> {
  const findings = await lint(typeof shape === 'string' ? shape : await textOf(shape));
  return findings.map(({ severity, code, path, message }) => `${severity[0]} ${code} ${path}: ${message}`);
}

describe('lint', () => {
  test('finds nothing where everybody can open what is bound to its place', async () => {
    expect(await found({})).toEqual([]);
    expect(await found({ recipients: {}, token: { env: 'DOPPLER_TOKEN' } })).toEqual([]);
  });

  test('a cluster that uses a source and cannot open its credential is an error at the credential', async () => {
    const text = await textOf({ recipients: { home: keys.home, cabin: keys.cabin, lab: keys.lab, me: backup() } });
    const [finding, ...more] = await lint(text);
    expect(more).toEqual([]);
    expect(finding).toMatchObject({
      severity: 'error',
      code: 'CANNOT_OPEN',
      file: 'hikyaku.yaml',
      path: 'providers.doppler.token',
      message: 'cluster "lab" cannot open providers.doppler.token',
      advice: 'run hikyaku rewrap',
    });
    const line = text.split('\n')[(finding?.line ?? 0) - 1];
    expect(line?.slice((finding?.column ?? 0) - 1)).toMatch(/^\|/);
  });

  test('a cluster that was made anew is told from one that was never sealed to', async () => {
    expect(await found({ recipients: { home: keys.home, cabin: keys.lab, me: backup() } })).toEqual([
      expect.stringMatching(
        `^e CANNOT_OPEN .*: sealed to its key ${fingerprintOf(keys.cabin)}, and its key is ${fingerprintOf(keys.lab)}`,
      ),
      expect.stringMatching(`^e OLD_KEY_CAN_OPEN .* the key ${fingerprintOf(keys.cabin)} of "cabin"`),
    ]);
  });

  test('a cluster without a key, and one that does not use the source, are told apart', async () => {
    const recipients = { home: keys.home, cabin: keys.cabin, me: backup(), lab: { keys: [] } };
    expect(await found({ recipients })).toEqual([expect.stringMatching(/^e CANNOT_OPEN .*"lab".*it has no key$/)]);
    const secrets = [{ name: 'app', namespace: 'web', from: 'doppler', clusters: ['home'] }];
    expect(await found({ recipients, secrets })).toEqual([]);
    expect(await found({ recipients: { ...recipients, lab: keys.lab }, secrets })).toEqual([
      expect.stringMatching(/^w OPENS_NOTHING recipients\.lab: /),
    ]);
  });

  test('a backup key that opens nothing is a warning, and so is none at all', async () => {
    const token = { sealed: await sealed(named('home', 'cabin')) };
    expect(await found({ token })).toEqual([expect.stringMatching(/^w BACKUP_CANNOT_OPEN .*backup "me" cannot open/)]);
    expect(await found({ token, recipients: { home: keys.home, cabin: keys.cabin } })).toEqual([
      expect.stringMatching(/^w NO_BACKUP recipients: /),
    ]);
  });

  test('who is removed can open until the value is wrapped anew, and knows it until it is replaced', async () => {
    const before = await sealed();
    const recipients = { home: keys.home, me: backup() };
    expect(await found({ recipients, token: { sealed: before } })).toEqual([
      expect.stringMatching(/^e REMOVED_CAN_OPEN .*"cabin"/),
    ]);
    const rewrapped = await sealed(named('home', 'me'), before);
    expect(await found({ recipients, token: { sealed: rewrapped } })).toEqual([
      'w STILL_KNOWN providers.doppler.token: removed "cabin" can still read this from Git history',
    ]);
    expect(await found({ recipients, token: { sealed: await sealed(named('home', 'me')) } })).toEqual([]);
  });

  test('a rotation is told at each of its steps', async () => {
    const before = await sealed();
    const both = { home: keys.home, cabin: { keys: [keys.later, keys.cabin] }, me: backup() };
    expect(await found({ recipients: both, token: { sealed: before } })).toEqual([
      expect.stringMatching(/^w TWO_KEYS recipients\.cabin/),
      expect.stringMatching(/^w NEW_KEY_CANNOT_OPEN .*the new key of "cabin"/),
    ]);
    const keysOfBoth = new Map([...named('home', 'me'), ['cabin', [keys.later, keys.cabin]]]);
    const rewrapped = await sealed(keysOfBoth, before);
    expect(await found({ recipients: both, token: { sealed: rewrapped } })).toEqual([
      expect.stringMatching(/^w TWO_KEYS/),
    ]);
    const pruned = { home: keys.home, cabin: keys.later, me: backup() };
    expect(await found({ recipients: pruned, token: { sealed: rewrapped } })).toEqual([
      expect.stringMatching(/^e OLD_KEY_CAN_OPEN/),
    ]);
    const last = await sealed(new Map([...named('home', 'me'), ['cabin', [keys.later]]]), rewrapped);
    expect(await found({ recipients: pruned, token: { sealed: last } })).toEqual([
      expect.stringMatching(
        `^w STILL_KNOWN .*the old key ${fingerprintOf(keys.cabin)} of "cabin" can still read this from Git history`,
      ),
    ]);
  });

  test('another destination, certificate, type or field than was sealed for is an error', async () => {
    for (const source of [{ url: 'https://doppler.example' }, { url: 'https://api.doppler.com:8443' }]) {
      expect(await found({ source })).toEqual([
        expect.stringMatching(
          /^e OTHER_BINDING .*refuses it: sealed for doppler\/token at https:\/\/api\.doppler\.com, asked for doppler\/token at /,
        ),
      ]);
    }
    const token = { sealed: await sealed(undefined, undefined, { ...BINDING, use: 'webhook/token' }) };
    expect(await found({ token })).toEqual([expect.stringMatching(/^e OTHER_BINDING .*sealed for webhook\/token/)]);
  });

  test('certificates that cannot be read are an error, and the other findings are told all the same', async () => {
    const recipients = { home: keys.home, cabin: keys.cabin, lab: keys.lab, me: backup() };
    expect(await found({ recipients, source: { ca: './no-such.pem' } })).toEqual([
      expect.stringMatching(/^e NO_CERTIFICATES providers\.doppler\.token: the CA file .*no-such\.pem cannot be read/),
      expect.stringMatching(/^e CANNOT_OPEN/),
    ]);
  });

  test('`unbound: true` is a warning where a binding is there all the same', async () => {
    const token = { sealed: await sealed(), unbound: true };
    expect(await found({ token })).toEqual([expect.stringMatching(/^w UNBOUND .*has a binding/)]);
  });

  test('a damaged value is an error that says how to get a good one', async () => {
    const text = await sealed();
    const lines = text.split('\n');
    const cut = [...lines.slice(0, 2), ...lines.slice(4)].join('\n');
    const [finding] = await lint(await textOf({ token: { sealed: cut } }));
    expect(finding).toMatchObject({ code: 'DAMAGED', advice: 'seal it again: hikyaku seal providers.doppler.token' });
    // The name of a header may have what a shell would run.
    const none = { project: undefined, config: undefined, token: undefined };
    const headers = { 'X-`id`': { sealed: cut } };
    const source = { ...none, type: 'webhook', protocol: 'hikyaku', url: 'https://nas.lan', headers };
    const [ofHeader] = await lint(await textOf({ source }));
    expect(ofHeader).toMatchObject({
      code: 'DAMAGED',
      advice: "seal it again: hikyaku seal 'providers.doppler.headers.X-`id`'",
    });
  });

  test('a credential of each cluster is sealed to it and to the backup keys, and to nobody else', async () => {
    const values = {
      home: { sealed: await sealed(named('home', 'me')) },
      cabin: { sealed: await sealed(named('cabin', 'me')) },
    };
    expect(await found({ token: { perCluster: values } })).toEqual([]);
    expect(await found({ token: { perCluster: { home: values.home } } })).toEqual([
      expect.stringMatching(/^e NO_VALUE_FOR_CLUSTER providers\.doppler\.token: .*"cabin"/),
    ]);
    expect(await found({ token: { perCluster: { ...values, home: { sealed: await sealed() } } } })).toEqual([
      expect.stringMatching(/^e REMOVED_CAN_OPEN providers\.doppler\.token\.perCluster\.home: .*"cabin" too/),
    ]);
  });

  test('a cluster whose key a service does not know yet, or knows still, is told of', async () => {
    const principal = (kid: unknown) => ({
      recipients: { home: keys.home, cabin: keys.cabin },
      providers: { cloud: { type: 'sakura', vault: '113600000000', servicePrincipal: { id: '1128', kid } } },
      secrets: [{ name: 'app', namespace: 'web', from: 'cloud' }],
    });
    expect(await found(stringify(principal({ home: '9f' })))).toEqual([
      'e NO_VALUE_FOR_CLUSTER providers.cloud.servicePrincipal: has no key of cluster "cabin", which uses cloud',
    ]);
    for (const kid of [{ home: '9f', cabin: '41' }, '9f']) expect(await found(stringify(principal(kid)))).toEqual([]);
    expect(await found(stringify(principal({ home: '9f', cabin: '41', shed: '7c' })))).toEqual([
      'w STILL_KNOWN providers.cloud.servicePrincipal: removed "shed" can still use its key 7c',
    ]);
  });

  test('so is one whose identity a service does not know yet, or knows still', async () => {
    const [ofHome, ofCabin, ofShed] = ['3f', '8b', '7c'].map((start) => `${start}1c0a52-7d0e-4c55-9a0b-6f2f6f0c1a10`);
    const source = (identity: unknown) => ({
      recipients: { home: keys.home, cabin: keys.cabin },
      providers: { shop: { type: 'doppler', project: 'shop', config: 'prd', oidc: { identity } } },
      secrets: [{ name: 'app', namespace: 'web', from: 'shop' }],
    });
    expect(await found(stringify(source({ home: ofHome })))).toEqual([
      'e NO_VALUE_FOR_CLUSTER providers.shop.oidc: has no identity of cluster "cabin", which uses shop',
    ]);
    for (const identity of [{ home: ofHome, cabin: ofCabin }, ofHome])
      expect(await found(stringify(source(identity)))).toEqual([]);
    expect(await found(stringify(source({ home: ofHome, cabin: ofCabin, shed: ofShed })))).toEqual([
      `w STILL_KNOWN providers.shop.oidc: removed "shed" can still use its identity ${ofShed}`,
    ]);
  });

  test('secrets in the text are found wherever they stand, and not shown', async () => {
    const text = await textOf();
    const token = `dp.st.prd.${'x'.repeat(40)}`;
    const findings = await lint(`# -----BEGIN RSA PRIVATE KEY-----\n${text}# the old one was ${token}\n`);
    expect(findings.map(({ code, line, column }) => ({ code, line, column }))).toEqual([
      { code: 'KEY_IN_FILE', line: 1, column: 3 },
      { code: 'TOKEN_IN_FILE', line: text.split('\n').length + 1, column: 19 },
    ]);
    expect(JSON.stringify(findings)).not.toMatch(/xxx/);
  });
});
