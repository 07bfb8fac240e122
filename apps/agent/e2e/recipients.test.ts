import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseIdentities, readHeader, recipientOf } from '@hikyaku/sealing';
import { expectExit, parseManifests, startCluster, succeeded } from '@hikyaku/testbed';
import type { Cluster } from '@hikyaku/testbed';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import {
  decryptWithAge,
  generateWithKeygen,
  recipientsOfKeygen,
} from '../../../tools/reference-tools/src/age-command.ts';
import { hasTerminals, hikyakuInTerminal } from '../../../tools/testbed/src/terminal.ts';
import { aroundSealed, handWritten, makeParty, SealDesk } from './seal.test.kit.ts';
import type { Party } from './seal.test.kit.ts';

// Who can open what is sealed, changed by a person with the built agent.

const TOKEN = 'dp.st.prd.q7RkzWmPbtS3nVxY';
const [home, cabin, me] = await Promise.all([makeParty('home'), makeParty('cabin'), makeParty('me')]);
let desk: SealDesk;

beforeEach(async () => {
  desk = await SealDesk.open(handWritten({ clusters: [home, cabin], backup: me }));
  expectExit(await desk.run(['seal', 'doppler.token'], { input: TOKEN }), 0);
});

afterEach(async () => {
  const left = (await readdir(desk.folder)).filter((name) => name.endsWith('.tmp'));
  if (left.length > 0) throw new Error(`left behind: ${left.join(', ')}`);
  await desk[Symbol.asyncDispose]();
});

interface Written {
  readonly recipients: Readonly<Record<string, unknown>>;
  readonly providers: {
    readonly doppler: { readonly token?: Sealed & { readonly perCluster?: Record<string, Sealed> } };
  };
}

interface Sealed {
  readonly sealed?: string;
}

async function written(): Promise<Written> {
  return parse(await desk.read()) as Written;
}

async function sealedToken(): Promise<string> {
  return (await written()).providers.doppler.token?.sealed ?? '';
}

describe('recipients', () => {
  test('lists who opens what, without a key', async () => {
    expectExit(await desk.run(['seal', 'nas.token', '--cluster', 'home'], { input: 'for home' }), 0);
    const finished = await desk.run(['recipients']);
    expectExit(finished, 0);
    const both = 'providers.doppler.token, providers.nas.token.perCluster.home';
    expect(finished.stdout).toBe(
      [
        `home   ${home.fingerprint}  cluster   opens ${both}`,
        `cabin  ${cabin.fingerprint}  cluster   opens providers.doppler.token`,
        `me     ${me.fingerprint}  backup    opens ${both}`,
        '',
      ].join('\n'),
    );
    expect(JSON.parse((await desk.run(['recipients', '--json'])).stdout)).toMatchObject({
      recipients: [
        { name: 'home', backup: false, keys: [{ key: home.recipient, fingerprint: home.fingerprint }] },
        { name: 'cabin', opens: ['providers.doppler.token'], cannotOpen: [] },
        { name: 'me', backup: true },
      ],
    });
  });

  test('says what somebody cannot open yet', async () => {
    const lab = await makeParty('lab');
    await desk.write((await desk.read()).replace('# public keys only\n', `$&  lab: ${lab.recipient}\n`));
    expect((await desk.run(['recipients'])).stdout).toContain('cluster   opens nothing; not providers.doppler.token\n');
  });
});

describe('recipients add', () => {
  test('writes one line, and seals everything anew; the new one opens it with the reference age', async () => {
    const lab = await makeParty('lab');
    const before = await desk.read();
    const finished = await desk.run(['recipients', 'add', 'lab', lab.recipient, '--yes'], { as: me });
    expectExit(finished, 0);
    expect(finished.stderr).toContain(`fingerprint  ${lab.fingerprint}`);
    expect(finished.stderr).toContain(`~ providers.doppler.token  + lab (${lab.fingerprint})`);
    expect(finished.stdout).toBe(
      `✓ lab (${lab.fingerprint}) is a recipient\n✓ 1 of 1 value sealed anew in hikyaku.yaml\n`,
    );
    const lines = aroundSealed(await desk.read()).split('\n');
    expect(lines.filter((line) => !aroundSealed(before).split('\n').includes(line))).toEqual([
      `  lab: ${lab.recipient}`,
    ]);
    expect((await decryptWithAge(await sealedToken(), lab.file)).toString()).toBe(TOKEN);
    const again = await desk.run(['recipients', 'add', 'lab', lab.recipient], { as: me });
    expectExit(again, 0);
    expect(again.stdout).toContain('is there already');
  });

  test('it needs a key that opens, or nothing is written', async () => {
    const lab = await makeParty('lab');
    const before = await desk.read();
    const { exitCode, stderr } = await desk.run(['recipients', 'add', 'lab', lab.recipient, '--yes']);
    expect([exitCode, stderr]).toEqual([
      1,
      expect.stringContaining('error: nothing was written: give --identity FILE'),
    ]);
    expect(await desk.read()).toBe(before);
  });

  test('nobody but a person, or --yes, lets a key in', async () => {
    const lab = await makeParty('lab');
    const before = await desk.read();
    const { exitCode, stderr } = await desk.run(['recipients', 'add', 'lab', lab.recipient], { as: me });
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('nobody is there to confirm: nothing was written')]);
    expect(await desk.read()).toBe(before);
  });

  test('a key that somebody else has put into the config does not come in with it', async () => {
    const [lab, evil] = await Promise.all([makeParty('lab'), makeParty('evil')]);
    await desk.write((await desk.read()).replace('# public keys only\n', `$&  evil: ${evil.recipient}\n`));
    const before = await desk.read();
    for (const args of [
      ['add', 'lab', lab.recipient, '--yes'],
      ['new', 'lab', '--yes'],
      ['rm', 'cabin', '--yes'],
    ]) {
      const { exitCode, stdout, stderr } = await desk.run(['recipients', ...args], { as: me });
      expect([exitCode, stdout, stderr]).toEqual([
        1,
        '',
        expect.stringContaining(`evil (${evil.fingerprint}) would be added, too, and you have not named them`),
      ]);
    }
    expect(await desk.read()).toBe(before);
  });

  test('another key under the same name wants --replace, and then the old one opens nothing', async () => {
    const rebuilt = await makeParty('cabin');
    const refused = await desk.run(['recipients', 'add', 'cabin', rebuilt.recipient, '--yes'], { as: me });
    expect([refused.exitCode, refused.stderr]).toEqual([
      2,
      `error: cabin has another key already (${cabin.fingerprint}): --replace puts ${rebuilt.fingerprint} in its place\n`,
    ]);
    const args = ['recipients', 'add', 'cabin', rebuilt.recipient, '--replace', '--yes'];
    expectExit(await desk.run(args, { as: me }), 0);
    expect((await written()).recipients['cabin']).toBe(rebuilt.recipient);
    expect(await desk.read()).toContain('# in cabin');
    expect((await decryptWithAge(await sealedToken(), rebuilt.file)).toString()).toBe(TOKEN);
    await expect(decryptWithAge(await sealedToken(), cabin.file)).rejects.toThrow('no identity matched');
  });

  test('a backup key is written as one, and stays one', async () => {
    const [second, third] = await Promise.all([makeParty('safe'), makeParty('safe')]);
    expectExit(await desk.run(['recipients', 'add', 'safe', second.recipient, '--backup', '--yes'], { as: me }), 0);
    expect((await written()).recipients['safe']).toEqual({ key: second.recipient, backup: true });
    const args = ['recipients', 'add', 'safe', third.recipient, '--replace', '--yes'];
    expectExit(await desk.run(args, { as: me }), 0);
    expect((await written()).recipients['safe']).toEqual({ key: third.recipient, backup: true });
    const before = await desk.read();
    for (const command of [
      ['add', 'safe', '--context', 'lab'],
      ['new', 'safe'],
    ]) {
      const { exitCode, stdout, stderr } = await desk.run(['recipients', ...command, '--replace', '--yes'], { as: me });
      expect([exitCode, stdout]).toEqual([2, '']);
      expect(stderr).toContain('error: safe is a backup key, and no cluster: give the cluster another name');
    }
    expect(await desk.read()).toBe(before);
  });

  test('what is no public key, or belongs to another, is refused and not repeated', async () => {
    const lab = await makeParty('lab');
    const [secret = ''] = parseIdentities(lab.file);
    for (const [key, message] of [
      [secret, 'the key of lab is a private key'],
      [lab.recipient.slice(0, -1), 'the key of lab is mistyped or cut off'],
      ['ssh-ed25519 AAAA', 'the key of lab is a key of SSH'],
      [home.recipient, `this is the key of home (${home.fingerprint})`],
      [(await recipientsOfKeygen(await generateWithKeygen('-pq')))[0] ?? '', 'are of two kinds, post-quantum and not'],
    ] as const) {
      const { exitCode, stderr } = await desk.run(['recipients', 'add', 'lab', key, '--yes'], { as: me });
      expect([exitCode, stderr]).toEqual([2, expect.stringContaining(message)]);
      expect(stderr).not.toContain(secret);
    }
    const named = await desk.run(['recipients', 'add', 'my_lab', (await makeParty('lab')).recipient], { as: me });
    expect([named.exitCode, named.stderr]).toEqual([
      2,
      expect.stringContaining('my_lab is no name of a recipient: it'),
    ]);
    const none = await desk.run(['recipients', 'add', 'lab'], { as: me });
    expect([none.exitCode, none.stderr]).toEqual([2, expect.stringContaining('which key is that of lab?')]);
  });

  test('the first recipients of a config get lines of their own, and need no key', async () => {
    await desk.write(handWritten({ clusters: [] }).replace(/^recipients:.*\n/m, ''));
    expectExit(await desk.run(['recipients', 'add', 'home', home.recipient, '--yes']), 0);
    expectExit(await desk.run(['recipients', 'add', 'me', me.recipient, '--backup', '--yes']), 0);
    expect(await desk.read()).toContain(
      `recipients:\n  home: ${home.recipient}\n  me: { key: ${me.recipient}, backup: true }\n`,
    );
  });

  test('an entry may name it before it is there', async () => {
    const entry = 'from: doppler, clusters: [home] }';
    await desk.write(
      handWritten({ clusters: [] })
        .replace(/^recipients:.*\n/m, '')
        .replace('from: doppler }', entry),
    );
    expectExit(await desk.run(['recipients', 'add', 'home', home.recipient, '--yes']), 0);
    expect(await desk.read()).toContain(`recipients:\n  home: ${home.recipient}\n`);
    expect(await desk.read()).toContain(entry);
    const before = await desk.read();
    await desk.write(before.replace('type: doppler', 'type: dopler'));
    const { exitCode, stderr } = await desk.run(['recipients', 'add', 'cabin', cabin.recipient, '--yes']);
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('did you mean `doppler`?')]);
  });

  test('what it needs of its own is said', async () => {
    expectExit(await desk.run(['seal', 'doppler.token', '--cluster', 'home', '--replace'], { input: TOKEN }), 0);
    expectExit(await desk.run(['seal', 'doppler.token', '--cluster', 'cabin'], { input: TOKEN }), 0);
    const lab = await makeParty('lab');
    const { stderr } = await desk.run(['recipients', 'add', 'lab', lab.recipient, '--yes'], { as: me });
    expect(stderr).toContain(
      '! providers.doppler.token has no value for cluster "lab", which uses doppler: hikyaku seal providers.doppler.token.perCluster.lab\n',
    );
  });

  test('recipients on one line stay on one line', async () => {
    const text = handWritten({ clusters: [] }).replace(
      /^recipients:.*$/m,
      `recipients: { home: ${home.recipient} } # all`,
    );
    await desk.write(text);
    expectExit(await desk.run(['recipients', 'add', 'cabin', cabin.recipient, '--yes']), 0);
    expect(await desk.read()).toContain(`recipients: { home: ${home.recipient}, cabin: ${cabin.recipient} } # all\n`);
  });

  test.skipIf(!hasTerminals)('a person is asked by name and fingerprint', async () => {
    const lab = await makeParty('lab');
    const env = { HOME: desk.folder, SOPS_AGE_KEY: me.file };
    const { exitCode, screen } = await hikyakuInTerminal(['recipients', 'add', 'lab', lab.recipient], {
      cwd: desk.folder,
      env,
      types: [{ after: `Let lab (${lab.fingerprint}) open what is sealed?`, keys: 'y' }],
    });
    expect([exitCode, screen]).toEqual([0, expect.stringContaining('is a recipient')]);
    expect((await decryptWithAge(await sealedToken(), lab.file)).toString()).toBe(TOKEN);
  });

  describe('from a live cluster', () => {
    let cluster: Cluster;
    const secrets = '/api/v1/namespaces/hikyaku/secrets';

    beforeAll(async () => {
      cluster = await startCluster();
      for (const name of ['hikyaku', 'people'])
        await cluster.admin('POST', '/api/v1/namespaces', { metadata: { name } });
    });

    afterAll(async () => {
      await cluster?.stop();
    });

    afterEach(async () => {
      await cluster.admin('DELETE', `${secrets}/hikyaku-identity`);
    });

    async function putIdentity({ file }: Party): Promise<void> {
      const metadata = { name: 'hikyaku-identity' };
      succeeded(await cluster.admin('POST', secrets, { metadata, stringData: { 'age.agekey': file } }));
    }

    const flags = () => ['--kubeconfig', cluster.kubeconfig, '--context', 'devcluster'];

    test('its key is read out of the Secret of its identity', async () => {
      const lab = await makeParty('lab');
      await putIdentity(lab);
      const finished = await desk.run(['recipients', 'add', 'lab', ...flags(), '--yes'], { as: me });
      expectExit(finished, 0);
      expect(finished.stderr).toContain('the identity in devcluster, namespace hikyaku');
      expect((await written()).recipients['lab']).toBe(lab.recipient);
      expect((await decryptWithAge(await sealedToken(), lab.file)).toString()).toBe(TOKEN);
    });

    test('--context opens, too, where the key is given', async () => {
      await putIdentity(home);
      const lab = await makeParty('lab');
      expectExit(await desk.run(['recipients', 'add', 'lab', lab.recipient, ...flags(), '--yes']), 0);
      expect((await decryptWithAge(await sealedToken(), lab.file)).toString()).toBe(TOKEN);
      expect((await desk.run(['unseal', 'doppler.token', ...flags()])).stdout).toBe(TOKEN);
    });

    test('who may not read the Secret compares the fingerprint of what the agent shows', async () => {
      const lab = await makeParty('lab');
      await putIdentity(lab);
      const data = { recipient: `${lab.recipient}\n`, fingerprint: `${lab.fingerprint}\n` };
      const maps = '/api/v1/namespaces/hikyaku/configmaps';
      succeeded(await cluster.admin('POST', maps, { metadata: { name: 'hikyaku-identity' }, data }));
      const rbac = '/apis/rbac.authorization.k8s.io/v1/namespaces/hikyaku';
      const rules = [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get'] }];
      await cluster.admin('POST', '/api/v1/namespaces/people/serviceaccounts', { metadata: { name: 'ann' } });
      succeeded(await cluster.admin('POST', `${rbac}/roles`, { metadata: { name: 'reader' }, rules }));
      succeeded(
        await cluster.admin('POST', `${rbac}/rolebindings`, {
          metadata: { name: 'reader' },
          roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reader' },
          subjects: [{ kind: 'ServiceAccount', namespace: 'people', name: 'ann' }],
        }),
      );
      const kubeconfig = await cluster.agentKubeconfig('people', 'ann');
      const before = await desk.read();
      const add = ['recipients', 'add', 'lab', '--kubeconfig', kubeconfig];
      const asked = await desk.run(add, { as: me });
      expect(asked.stderr).toContain('compare the fingerprint with the one in the log of the agent there');
      expect(asked.stderr).toContain('nobody is there to confirm');
      // Whoever may write the ConfigMap waits for the script that says yes to everything.
      const { exitCode, stderr } = await desk.run([...add, '--yes'], { as: me });
      expect([exitCode, stderr]).toEqual([1, expect.stringContaining('--yes cannot say whose key this is')]);
      expect(await desk.read()).toBe(before);
      expectExit(await desk.run(['recipients', 'add', 'lab', lab.recipient, '--yes'], { as: me }), 0);
      expectExit(await desk.run([...add, '--yes'], { as: me }), 0);
      expect((await written()).recipients['lab']).toBe(lab.recipient);
    });

    test('a cluster without an identity, and one that cannot be reached, are said', async () => {
      const before = await desk.read();
      const elsewhere = ['--kubeconfig', cluster.kubeconfig, '--namespace', 'people'];
      const none = await desk.run(['recipients', 'add', 'lab', ...elsewhere, '--yes'], { as: me });
      expect([none.exitCode, none.stderr]).toEqual([
        1,
        expect.stringContaining('there is no identity in devcluster, namespace people: install the agent there first'),
      ]);
      expect(await desk.read()).toBe(before);
    });

    test('what recipients new prints is the identity that the cluster gets', async () => {
      const made = await desk.run(['recipients', 'new', 'lab', '--yes'], { as: me });
      expectExit(made, 0);
      succeeded(await cluster.admin('POST', secrets, parse(made.stdout)));
      const added = await desk.run(['recipients', 'add', 'lab', ...flags()], { as: me });
      expectExit(added, 0);
      expect(added.stdout).toContain('is there already');
      expect((await desk.run(['unseal', 'doppler.token', ...flags()])).stdout).toBe(TOKEN);
    });
  });
});

describe('recipients new', () => {
  interface SecretManifest {
    readonly kind: string;
    readonly metadata: object;
    readonly type: string;
    readonly stringData: { readonly 'age.agekey': string };
  }

  test('prints the Secret once, and keeps nothing secret', async () => {
    const finished = await desk.run(['recipients', 'new', 'lab'], { as: me });
    expectExit(finished, 0);
    const secret = parse(finished.stdout) as SecretManifest;
    expect(secret).toMatchObject({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: {
        name: 'hikyaku-identity',
        namespace: 'hikyaku',
        labels: { 'hikyaku.dev/agent': 'hikyaku', 'app.kubernetes.io/managed-by': 'hikyaku' },
      },
      type: 'Opaque',
    });
    const file = secret.stringData['age.agekey'];
    const [identity = ''] = parseIdentities(file);
    expect((await written()).recipients['lab']).toBe(await recipientOf(identity));
    expect((await decryptWithAge(await sealedToken(), file)).toString()).toBe(TOKEN);
    expect(finished.stderr).not.toContain('AGE-SECRET-KEY-');
    expect(finished.stderr).toContain('its private key was printed now, once, and is kept nowhere else');
    expect(await desk.read()).not.toContain('AGE-SECRET-KEY-');
    expect((await readdir(desk.folder)).toSorted()).toEqual(['hikyaku.yaml']);
  });

  test('for k3s and Talos it brings the namespace, too', async () => {
    const k3s = await desk.run(['recipients', 'new', 'lab', '--yes', '--format', 'k3s', '-n', 'keys'], { as: me });
    expectExit(k3s, 0);
    const kinds = (manifests: string) => parseManifests(manifests).map(({ kind }) => kind);
    expect(kinds(k3s.stdout)).toEqual(['Namespace', 'Secret']);
    expect(k3s.stdout).toContain('hikyaku.dev/agent: keys');
    const talos = await desk.run(['recipients', 'new', 'den', '--yes', '--format', 'talos'], { as: me });
    expectExit(talos, 0);
    const { cluster } = parse(talos.stdout) as {
      cluster: { inlineManifests: readonly { name: string; contents: string }[] };
    };
    expect(cluster.inlineManifests).toEqual([{ name: 'hikyaku-identity', contents: expect.any(String) as string }]);
    const [manifest] = cluster.inlineManifests;
    expect(kinds(manifest?.contents ?? '')).toEqual(['Namespace', 'Secret']);
    const secret = parse((manifest?.contents ?? '').split('---\n')[1] ?? '') as SecretManifest;
    expect((await decryptWithAge(await sealedToken(), secret.stringData['age.agekey'])).toString()).toBe(TOKEN);
  });

  test("--backup prints a person's key as age-keygen does", async () => {
    const finished = await desk.run(['recipients', 'new', 'safe', '--backup', '--yes'], { as: me });
    expectExit(finished, 0);
    const [recipient] = await recipientsOfKeygen(finished.stdout);
    expect((await written()).recipients['safe']).toEqual({ key: recipient, backup: true });
    expect((await decryptWithAge(await sealedToken(), finished.stdout)).toString()).toBe(TOKEN);
  });

  test.skipIf(!existsSync('/dev/full'))('a private key that nobody has got is not in the config', async () => {
    const before = await desk.read();
    const bundle = fileURLToPath(new URL('../dist/hikyaku.js', import.meta.url));
    const full = openSync('/dev/full', 'w');
    const child = spawnSync(process.execPath, [bundle, 'recipients', 'new', 'lab'], {
      cwd: desk.folder,
      env: { HOME: desk.folder, SOPS_AGE_KEY: me.file },
      stdio: ['ignore', full, 'pipe'],
      encoding: 'utf8',
    });
    closeSync(full);
    expect([child.status, child.stderr]).toEqual([1, expect.stringContaining('nobody took the private key')]);
    expect(await desk.read()).toBe(before);
  });

  test('a file that the shell makes for a private key is read by nobody else; of another one it is said', async () => {
    const bundle = fileURLToPath(new URL('../dist/hikyaku.js', import.meta.url));
    const run = (args: readonly string[], file: number) =>
      spawnSync(process.execPath, [bundle, ...args], {
        cwd: desk.folder,
        env: { HOME: desk.folder, SOPS_AGE_KEY: me.file },
        stdio: ['ignore', file, 'pipe'],
        encoding: 'utf8',
      });
    const args = [
      ['recipients', 'new', 'lab', '--yes'],
      ['unseal', 'doppler.token'],
    ];
    for (const [index, command] of args.entries()) {
      const path = join(desk.folder, `kept-${index}`);
      const open = openSync(path, 'a', 0o644);
      const made = run(command, open);
      expect([made.status, (await stat(path)).mode & 0o777]).toEqual([0, 0o600]);
      expect(made.stderr).not.toContain('others on this machine');
      await chmod(path, 0o644);
      const again = run(command[0] === 'unseal' ? command : [...command, '--replace'], open);
      closeSync(open);
      expect([again.status, (await stat(path)).mode & 0o777]).toEqual([0, 0o644]);
      expect(again.stderr).toContain('others on this machine can read the file that this goes into: chmod 600 it');
    }
  });

  test('without a key that opens, nothing is printed or written', async () => {
    const before = await desk.read();
    const { exitCode, stdout } = await desk.run(['recipients', 'new', 'lab', '--yes']);
    expect([exitCode, stdout]).toEqual([1, '']);
    expect(await desk.read()).toBe(before);
  });

  test.skipIf(!hasTerminals)('a terminal is shown nothing but with --show', async () => {
    const before = await desk.read();
    const env = { HOME: desk.folder, SOPS_AGE_KEY: me.file };
    const hidden = await hikyakuInTerminal(['recipients', 'new', 'lab', '--yes'], { cwd: desk.folder, env });
    expect([hidden.exitCode, hidden.screen]).toEqual([2, expect.stringContaining('would be shown here')]);
    expect(await desk.read()).toBe(before);
    const shown = await hikyakuInTerminal(['recipients', 'new', 'lab', '--yes', '--show'], { cwd: desk.folder, env });
    expect([shown.exitCode, shown.screen]).toEqual([0, expect.stringContaining('AGE-SECRET-KEY-')]);
  });
});

describe('recipients rm', () => {
  test('the removed one opens nothing any more, and what it knows is said', async () => {
    const before = await desk.read();
    const finished = await desk.run(['recipients', 'rm', 'cabin'], { as: me });
    expectExit(finished, 0);
    expect(finished.stderr).toContain(`~ providers.doppler.token  - cabin (${cabin.fingerprint})`);
    expect(finished.stdout).toContain('✓ cabin is no recipient any more\n✓ 1 of 1 value sealed anew in hikyaku.yaml\n');
    expect(finished.stdout).toContain('What cabin could read it still can, from the history of Git.');
    expect(finished.stdout).toContain('! providers.doppler.token\n');
    expect(finished.stdout).toContain('hikyaku seal providers.doppler.token');
    await expect(decryptWithAge(await sealedToken(), cabin.file)).rejects.toThrow('no identity matched');
    expect((await decryptWithAge(await sealedToken(), home.file)).toString()).toBe(TOKEN);
    expect(aroundSealed(await desk.read())).toBe(aroundSealed(before).replace(/ {2}cabin:.*\n/, ''));
    const lint = await desk.run(['lint']);
    expect(lint.stdout).toContain('removed "cabin" can still read this from Git history');
    const { stdout } = await desk.run(['rewrap'], { as: home });
    expect(stdout).toContain('nothing to change');
    expectExit(await desk.run(['seal', 'doppler.token'], { input: 'a new one' }), 0);
    expect((await desk.run(['lint'])).stdout).not.toContain('cabin');
  });

  test('its own values go, and those of others stay', async () => {
    const own = (name: string) => ['seal', 'doppler.token', '--cluster', name, '--replace'];
    for (const name of ['home', 'cabin']) expectExit(await desk.run(own(name), { input: `for ${name}` }), 0);
    const finished = await desk.run(['recipients', 'rm', 'cabin'], { as: home });
    expectExit(finished, 0);
    expect(finished.stdout).toContain('its own value providers.doppler.token.perCluster.cabin is removed\n');
    const { perCluster = {} } = (await written()).providers.doppler.token ?? {};
    expect(Object.keys(perCluster)).toEqual(['home']);
    expect([...(await readHeader(perCluster['home']?.sealed ?? '')).recipients.keys()]).toEqual(['home', 'me']);
    const last = await desk.run(['recipients', 'rm', 'home', '--json'], { as: me });
    expectExit(last, 0);
    expect(JSON.parse(last.stdout)).toMatchObject({
      removed: 'home',
      dropped: ['providers.doppler.token.perCluster.home'],
      values: [],
      known: [{ path: 'providers.doppler.token.perCluster.home' }],
    });
    expect((await written()).providers.doppler.token).toBeUndefined();
  });

  test('a backup key can go, too, with a warning when it was the last', async () => {
    const finished = await desk.run(['recipients', 'rm', 'me'], { as: home });
    expectExit(finished, 0);
    expect(finished.stdout).toContain('! no backup key is left: only clusters can open what is sealed\n');
    await expect(decryptWithAge(await sealedToken(), me.file)).rejects.toThrow('no identity matched');
  });

  test.each([
    ['[cabin]', 'for cabin alone: take the entry out'],
    ['[home, cabin]', 'take cabin out of clusters'],
  ])('an entry with clusters: %s is changed by a person first', async (clusters, advice) => {
    await desk.write((await desk.read()).replace('from: doppler }', `from: doppler, clusters: ${clusters} }`));
    const before = await desk.read();
    const { exitCode, stderr } = await desk.run(['recipients', 'rm', 'cabin'], { as: me });
    const line = before.slice(0, before.indexOf('clusters:')).split('\n').length;
    expect([exitCode, stderr]).toEqual([
      2,
      `error: cabin is still named; nothing was written\nerror: hikyaku.yaml:${line}: ${advice}\n`,
    ]);
    expect(await desk.read()).toBe(before);
  });

  test('the whole list is offered where the config still knows of it', async () => {
    const offer = 'the whole list, with what it was used for: hikyaku exposure cabin\n';
    const { stdout } = await desk.run(['recipients', 'rm', 'cabin'], { as: me });
    expect(stdout).toContain(offer);
    expectExit(await desk.run(['exposure', 'cabin']), 0);
    await desk.write(handWritten({ clusters: [home, cabin], backup: me }));
    expectExit(await desk.run(['seal', 'doppler.token', '--cluster', 'cabin', '--replace'], { input: TOKEN }), 0);
    const own = await desk.run(['recipients', 'rm', 'cabin'], { as: me });
    expectExit(own, 0);
    expect(own.stdout).toContain('revoke the old service token');
    expect(own.stdout).not.toContain(offer);
  });

  test('the only one who can open something is not removed', async () => {
    await desk.write(handWritten({ clusters: [home] }));
    expectExit(await desk.run(['seal', 'doppler.token'], { input: TOKEN }), 0);
    const before = await desk.read();
    const { exitCode, stderr } = await desk.run(['recipients', 'rm', 'home'], { as: home });
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining('nobody would be left who could open it')]);
    expect(await desk.read()).toBe(before);
  });

  test('a name that is none is said with the nearest one', async () => {
    const { exitCode, stderr } = await desk.run(['recipients', 'rm', 'cabbin'], { as: me });
    expect([exitCode, stderr]).toEqual([
      2,
      'error: there is no recipient cabbin in hikyaku.yaml; did you mean cabin?\n',
    ]);
  });
});

test.each([
  ['LF', '\n'],
  ['CRLF', '\r\n'],
])('comments, order, anchors and tabs survive every command, with %s', async (_, lineBreak) => {
  await desk.write((await desk.read()).replaceAll('\n', lineBreak));
  const before = await desk.read();
  const lab = await makeParty('lab');
  for (const args of [
    ['recipients', 'add', 'lab', lab.recipient, '--yes'],
    ['rewrap'],
    ['seal', 'doppler.token'],
    ['recipients', 'new', 'barn'],
    ['seal', 'doppler.token', '--cluster', 'home', '--replace'],
    ['seal', 'doppler.token', '--cluster', 'barn'],
    ['recipients', 'rm', 'barn'],
    ['seal', 'doppler.token', '--replace'],
    ['recipients', 'rm', 'lab'],
  ])
    expectExit(await desk.run(args, { as: me, ...(args[0] === 'seal' && { input: 'another' }) }), 0);
  const after = await desk.read();
  expect(after).not.toBe(before);
  expect(aroundSealed(after)).toBe(aroundSealed(before));
  expect(after.split('\n').every((line) => line === '' || line.endsWith('\r') === (lineBreak === '\r\n'))).toBe(true);
});

test('in a directory of files each change is made where it belongs, and all of them or none', async () => {
  const folder = join(desk.folder, 'config');
  const text = await desk.read();
  const recipientsAt = text.indexOf('recipients:');
  const providersAt = text.indexOf('providers:');
  await mkdir(folder);
  await writeFile(join(folder, 'a.yaml'), text.slice(0, recipientsAt));
  await writeFile(join(folder, 'b.yaml'), text.slice(recipientsAt, providersAt));
  await writeFile(join(folder, 'c.yaml'), text.slice(providersAt));
  const lab = await makeParty('lab');
  const read = async () =>
    await Promise.all(['a', 'b', 'c'].map((name) => readFile(join(folder, `${name}.yaml`), 'utf8')));
  const before = await read();
  const args = ['recipients', 'add', 'lab', lab.recipient, '--yes', '--config', folder];
  const finished = await desk.run(args, { as: me });
  expectExit(finished, 0);
  const after = await read();
  expect(after[0]).toBe(before[0]);
  expect(after[1]).toContain(`  lab: ${lab.recipient}\n`);
  expect(aroundSealed(after[2] ?? '')).toBe(aroundSealed(before[2] ?? ''));
  expect(after[2]).not.toBe(before[2]);
});
