import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SecretValue } from '@hikyaku/core';
import { fingerprintOf, generateIdentity, readHeader, seal } from '@hikyaku/sealing';
import { expectExit, hikyaku } from '@hikyaku/testbed';
import type { Finished } from '@hikyaku/testbed';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';

// The day a cluster is stolen: three clusters with one config, and the built command.

const VALUE = 'a-token-that-nobody-sees';
const DOPPLER = { use: 'doppler/token', to: ['https://api.doppler.com'] };
const SEALED_AT = Date.parse('2026-03-01T00:00:00Z');
const keys = new Map<string, string>();
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hikyaku-exposure-'));
  for (const name of ['home', 'cabin', 'lab', 'barn', 'me']) keys.set(name, (await generateIdentity()).recipient);
  const key = (name: string) => keys.get(name) ?? '';
  async function sealed(names: readonly string[], before?: string): Promise<{ readonly sealed: string }> {
    const options = {
      recipients: new Map(names.map((name) => [name, [key(name)]])),
      binding: DOPPLER,
      now: SEALED_AT,
      ...(before !== undefined && { before: await readHeader(before) }),
    };
    return { sealed: await seal(SecretValue.of(VALUE), options) };
  }
  const first = await sealed(['home', 'cabin', 'barn', 'me']);
  const config = {
    recipients: { home: key('home'), cabin: key('cabin'), lab: key('lab'), me: { key: key('me'), backup: true } },
    providers: {
      shared: {
        type: 'doppler',
        project: 'homelab',
        config: 'prd',
        token: await sealed(['home', 'cabin', 'lab', 'me'], first.sealed),
      },
      own: {
        type: 'doppler',
        project: 'homelab',
        config: 'media',
        token: { perCluster: { home: await sealed(['home', 'me']), cabin: await sealed(['cabin', 'me']) } },
      },
      cloud: {
        type: 'sakura',
        vault: '113600000000',
        servicePrincipal: { id: '112800000000', kid: { home: '9f', cabin: '41', shed: '7c' } },
      },
      mqtt: {
        type: 'webhook',
        protocol: 'hikyaku',
        url: 'https://mqtt.lan',
        token: { secretRef: { name: 'mqtt', key: 't' } },
      },
      lan: { type: 'webhook', protocol: 'hikyaku', url: 'https://nas.lan', token: { serviceAccountToken: {} } },
      unused: { type: 'doppler', project: 'homelab', config: 'dev' },
    },
    secrets: [
      {
        name: 'app',
        namespaces: ['web', 'worker'],
        from: 'shared',
        data: { password: 'DB_PASSWORD', DB_USER: 'DB_USER' },
      },
      {
        name: 'media',
        namespace: 'media',
        clusters: ['home', 'cabin'],
        dataFrom: [{ from: 'own', keys: ['TV_*', '!TV_OLD*'] }],
      },
      { name: 'cloud', namespace: 'web', clusters: ['home', 'cabin'], from: 'cloud' },
      { name: 'mqtt', namespace: 'iot', clusters: ['cabin', 'lab'], from: 'mqtt' },
      { name: 'disks', namespace: 'nas', clusters: ['cabin'], from: 'lan' },
      { name: 'lab', namespace: 'lab', clusters: ['lab'], from: 'unused' },
    ],
    pushes: [{ from: { namespace: 'iot', secret: 'made-here' }, to: 'mqtt', clusters: ['cabin'] }],
  };
  await writeFile(join(folder, 'hikyaku.yaml'), stringify(config));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function exposure(...args: readonly string[]): Promise<Finished> {
  const finished = await hikyaku(['exposure', ...args], { cwd: folder });
  expect(finished.stdout + finished.stderr).not.toContain(VALUE);
  return finished;
}

describe('exposure', () => {
  test('of a stolen cluster is a checklist in an order that works', async () => {
    const finished = await exposure('cabin');
    expectExit(finished, 0);
    expect(finished.stdout.replaceAll(/\b[0-9a-f]{24}\b/g, 'FINGERPRINT'))
      .toBe(`# What cabin can read, and what to do when it is stolen

cabin is a cluster. Whoever owns it has its key, and the Secrets in it.
Its key: FINGERPRINT.

## 1. Seal nothing more to it

- [ ] hikyaku recipients rm cabin
- [ ] commit and push; what it has, it keeps: go on

## 2. Replace what it has

In a hurry revoke first: in home, lab the last good Secrets stay until the new ones are there.

### shared

- opens project homelab, config prd of Doppler (https://api.doppler.com)
- providers.shared.token: sealed to it on 2026-03-01; the same as in home, lab
- [ ] make a new service token: https://dashboard.doppler.com, project homelab, config prd, tab Access
- [ ] hikyaku seal providers.shared.token
- [ ] commit and push; wait until the new one is in use in home, lab
- [ ] revoke the old service token: https://dashboard.doppler.com, project homelab, config prd, tab Access

### own

- opens project homelab, config media of Doppler (https://api.doppler.com)
- providers.own.token.perCluster.cabin: sealed to it alone on 2026-03-01
- [ ] revoke the old service token: https://dashboard.doppler.com, project homelab, config media, tab Access

### cloud

- opens vault 113600000000 of SAKURA Cloud Secret Manager (https://secure.sakura.ad.jp)
- providers.cloud.servicePrincipal: its own RSA key, of the service principal 112800000000
- [ ] delete its key 41 of the service principal 112800000000, in the control panel of SAKURA Cloud (IAM)

### mqtt

- opens what https://mqtt.lan gives
- providers.mqtt.token: t of Secret mqtt, as its agent has it; perhaps the same as in lab
- [ ] have whoever runs https://mqtt.lan issue another token
- [ ] providers.mqtt.token: put it where the others have it
- [ ] commit and push; wait until the new one is in use in lab
- [ ] have the old token refused at https://mqtt.lan

### lan

- opens what https://nas.lan gives
- providers.lan.token: a ServiceAccount token for https://nas.lan, as its agent has it
- [ ] have the service trust the tokens of that cluster no more (its issuer, or its keys)

## 3. Change the values that it has read

- [ ] all that shared gives: project homelab, config prd of Doppler (https://api.doppler.com)
- [ ] in use there: Secret web/app, from shared: password (DB_PASSWORD), DB_USER
- [ ] in use there: Secret worker/app, from shared: password (DB_PASSWORD), DB_USER
- [ ] all that own gives: project homelab, config media of Doppler (https://api.doppler.com)
- [ ] in use there: Secret media/media, from own: TV_* without TV_OLD*
- [ ] all that cloud gives: vault 113600000000 of SAKURA Cloud Secret Manager (https://secure.sakura.ad.jp)
- [ ] in use there: Secret web/cloud, from cloud: everything
- [ ] all that mqtt gives: what https://mqtt.lan gives
- [ ] in use there: Secret iot/mqtt, from mqtt: everything
- [ ] carried from there to mqtt: Secret iot/made-here; look at what mqtt has of it
- [ ] all that lan gives: what https://nas.lan gives
- [ ] in use there: Secret nas/disks, from lan: everything

## 4. Look again

- [ ] hikyaku lint says nothing of cabin any more
- [ ] sources that are gone from the config are not in this list: were their credentials revoked?
`);
  });

  test('of a cluster that was removed is what it could open once', async () => {
    const { stdout, exitCode } = await exposure('barn', '--json');
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      cluster: 'barn',
      state: 'gone',
      keys: [fingerprintOf(keys.get('barn') ?? '')],
      sources: [
        {
          name: 'shared',
          credentials: [
            {
              path: 'providers.shared.token',
              when: 'past',
              sealedAt: '2026-03-01T00:00:00.000Z',
              others: ['cabin', 'home', 'lab'],
              seal: 'hikyaku seal providers.shared.token',
            },
          ],
        },
      ],
    });
    const text = (await exposure('barn')).stdout;
    expect(text).toContain(
      'was sealed to it on 2026-03-01, and the history of Git still has that; the same as in cabin',
    );
    expect(text).not.toContain('recipients rm');
  });

  test('of a removed cluster that only a service still knows is the key to delete there', async () => {
    const { stdout, exitCode } = await exposure('shed', '--json');
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      state: 'gone',
      sources: expect.arrayContaining([expect.objectContaining({ name: 'cloud', secrets: [] })]),
    });
    expect(stdout).toContain('delete its key 7c of the service principal 112800000000');
  });

  test('of a backup key is every sealed value, and nothing that lives in a cluster', async () => {
    const { stdout } = await exposure('me', '--json');
    const { state, sources } = JSON.parse(stdout);
    expect(state).toBe('backup');
    expect(sources.map(({ name }: { readonly name: string }) => name)).toEqual(['shared', 'own']);
    expect(sources[1].credentials).toHaveLength(2);
  });

  test('of a cluster says nothing of what it neither uses nor opens', async () => {
    const { sources } = JSON.parse((await exposure('lab', '--json')).stdout);
    expect(sources.map(({ name }: { readonly name: string }) => name)).toEqual(['shared', 'mqtt', 'unused']);
  });

  test('an unknown name is an error with the nearest known one', async () => {
    const finished = await exposure('cabbin');
    expect(finished).toMatchObject({ exitCode: 2, stdout: '' });
    expect(finished.stderr).toBe('error: no recipient cabbin is known to hikyaku.yaml; did you mean cabin?\n');
  });
});
