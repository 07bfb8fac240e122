import { chmod, chown, lstat, mkdir, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decryptWithAge, encryptWithAge } from '../../../tools/reference-tools/src/age-command.ts';
import { ensureReferenceTool } from '../../../tools/reference-tools/src/ensure-reference-tool.ts';
import { parseIdentities, readHeader, open } from '@hikyaku/sealing';
import { expectExit } from '@hikyaku/testbed';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { hasTerminals, hikyakuInTerminal } from '../../../tools/testbed/src/terminal.ts';
import { aroundSealed, forgeBinding, handWritten, makeParty, SealDesk } from './seal.test.kit.ts';
import type { Party } from './seal.test.kit.ts';

// What a person does with credentials in the config, with the built agent and without any cluster.

const TOKEN = 'dp.st.prd.q7RkzWmPbtS3nVxY';
const [home, cabin, me] = await Promise.all([makeParty('home'), makeParty('cabin'), makeParty('me')]);
let desk: SealDesk;

beforeEach(async () => {
  desk = await SealDesk.open(handWritten({ clusters: [home, cabin], backup: me }));
});

afterEach(async () => {
  await desk[Symbol.asyncDispose]();
});

interface Written {
  readonly providers: {
    readonly doppler: { readonly token: Sealed & { readonly perCluster?: Readonly<Record<string, Sealed>> } };
    readonly nas: { readonly headers?: Readonly<Record<string, Sealed>>; readonly token?: Sealed };
  };
}

interface Sealed {
  readonly sealed?: string;
  readonly unbound?: boolean;
}

async function written(): Promise<Written> {
  return parse(await desk.read()) as Written;
}

async function sealedToken(): Promise<string> {
  return (await written()).providers.doppler.token.sealed ?? '';
}

describe('seal', () => {
  test('puts the value of a pipe in the place of what stood there, and changes nothing else', async () => {
    const before = await desk.read();
    const finished = await desk.run(['seal', 'providers.doppler.token'], { input: `${TOKEN}\n` });
    expectExit(finished, 0);
    expect(finished.stderr).toContain('sent only to  https://api.doppler.com');
    expect(finished.stderr).toContain('used as       doppler/token');
    expect(finished.stderr).toContain('opened by     home, cabin and me (backup)');
    expect(finished.stderr).toContain('instead of    the environment variable DOPPLER_TOKEN');
    expect(finished.stdout).toBe('✓ providers.doppler.token is sealed in hikyaku.yaml:16\n');
    expect(finished.stdout + finished.stderr).not.toContain(TOKEN);
    const after = await desk.read();
    const [start = '', end = ''] = before.split('{ env: DOPPLER_TOKEN }');
    expect(after.startsWith(start.trimEnd())).toBe(true);
    expect(after.endsWith(end.slice(end.indexOf('\n')))).toBe(true);
    expect(after).toContain('# until it is sealed');
    const { value } = await open(await sealedToken(), parseIdentities(home.file));
    expect(value.text()).toBe(TOKEN);
  });

  test('says before it asks who could open nothing so far: a key may have been changed under recipients', async () => {
    const first = await desk.run(['seal', 'doppler.token'], { input: TOKEN });
    expect(first.stderr).not.toContain('cannot open');
    const lab = await makeParty('lab');
    await desk.write((await desk.read()).replace(cabin.recipient, lab.recipient));
    const { stderr } = await desk.run(['seal', 'doppler.token'], { input: TOKEN });
    expect(stderr).toContain(
      `! cabin (${lab.fingerprint}) cannot open what is sealed already (providers.doppler.token): make sure that the key under recipients is its own\n`,
    );
    expect(stderr).not.toContain('home (');
  });

  test('what it writes opens with the reference age, by each recipient', async () => {
    expectExit(await desk.run(['seal', 'doppler.token'], { input: TOKEN }), 0);
    const text = await sealedToken();
    for (const { file } of [home, cabin, me]) expect((await decryptWithAge(text, file)).toString()).toBe(TOKEN);
    const stranger = await makeParty('stranger');
    await expect(decryptWithAge(text, stranger.file)).rejects.toThrow('no identity matched');
  });

  test('a field that is not there yet is made, also a header', async () => {
    expectExit(await desk.run(['seal', 'providers.nas.headers.X-Api-Key'], { input: 'key-of-the-nas' }), 0);
    expectExit(await desk.run(['seal', 'nas.token'], { input: 'token-of-the-nas' }), 0);
    const { headers, token } = (await written()).providers.nas;
    const { binding } = await readHeader(headers?.['X-Api-Key']?.sealed ?? '');
    expect(binding).toEqual({ use: 'webhook/headers.X-Api-Key', to: ['https://nas.lan:8443'] });
    expect((await decryptWithAge(token?.sealed ?? '', cabin.file)).toString()).toBe('token-of-the-nas');
    expect(await desk.read()).toContain('# the box under the desk\n  nas:\n    url: https://nas.lan:8443\n');
  });

  test('sealed once more, only the value changes', async () => {
    expectExit(await desk.run(['seal', 'doppler.token'], { input: TOKEN }), 0);
    const before = await desk.read();
    expectExit(await desk.run(['seal', 'doppler.token'], { input: 'another' }), 0);
    const after = await desk.read();
    expect(after).not.toBe(before);
    expect(aroundSealed(after)).toBe(aroundSealed(before));
  });

  test('the same value is seen when a key is at hand, and nothing is written', async () => {
    expectExit(await desk.run(['seal', 'doppler.token'], { input: TOKEN }), 0);
    const before = await desk.read();
    const same = await desk.run(['seal', 'doppler.token'], { input: TOKEN, as: me });
    expectExit(same, 0);
    expect(same.stdout).toBe('✓ providers.doppler.token holds this value already: nothing was changed\n');
    expect(await desk.read()).toBe(before);
  });

  test('who could open it is remembered of the same value, and forgotten with another', async () => {
    expectExit(await desk.run(['seal', 'doppler.token'], { input: TOKEN }), 0);
    expectExit(await desk.run(['recipients', 'rm', 'cabin'], { as: me }), 0);
    const seen = async () => [...(await readHeader(await sealedToken())).seen.keys()].toSorted();
    expect(await seen()).toEqual(['cabin', 'home', 'me']);
    // For another place, so that it has to be sealed anew.
    await desk.write((await desk.read()).replace('type: doppler\n', 'type: doppler\n    url: https://doppler.lan\n'));
    const same = await desk.run(['seal', 'doppler.token'], { input: TOKEN, as: me });
    expectExit(same, 0);
    expect(same.stderr).toContain('it is the same value as before, which cabin could open, too');
    expect(await seen()).toEqual(['cabin', 'home', 'me']);
    expectExit(await desk.run(['seal', 'doppler.token'], { input: 'another', as: me }), 0);
    expect(await seen()).toEqual(['home', 'me']);
    expectExit(await desk.run(['seal', 'doppler.token'], { input: 'another' }), 0);
  });

  test('--cluster gives one cluster a value of its own, that the other cannot open', async () => {
    expectExit(await desk.run(['seal', 'doppler.token', '--cluster', 'home'], { input: 'for-home' }), 0);
    const second = await desk.run(['seal', 'doppler.token', '--cluster', 'cabin', '--json'], { input: 'for-cabin' });
    expectExit(second, 0);
    expect(JSON.parse(second.stdout)).toMatchObject({
      path: 'providers.doppler.token',
      cluster: 'cabin',
      changed: true,
      use: 'doppler/token',
      to: ['https://api.doppler.com'],
      recipients: [
        { name: 'cabin', fingerprints: [cabin.fingerprint], backup: false },
        { name: 'me', fingerprints: [me.fingerprint], backup: true },
      ],
    });
    const { perCluster = {} } = (await written()).providers.doppler.token;
    const forHome = perCluster['home']?.sealed ?? '';
    expect((await decryptWithAge(forHome, home.file)).toString()).toBe('for-home');
    expect((await decryptWithAge(forHome, me.file)).toString()).toBe('for-home');
    await expect(decryptWithAge(forHome, cabin.file)).rejects.toThrow('no identity matched');
    const path = 'providers.doppler.token.perCluster.home';
    expectExit(await desk.run(['seal', path], { input: 'new-for-home' }), 0);
    expect((await desk.run(['unseal', path], { as: me })).stdout).toBe('new-for-home');
    const which = await desk.run(['unseal', 'doppler.token'], { as: me });
    expect(which.stderr).toContain('there is one for each cluster: ');
    expect((await desk.run(['unseal', 'doppler.token', '--cluster', 'cabin'], { as: me })).stdout).toBe('for-cabin');
    const shared = await desk.run(['seal', 'doppler.token'], { input: 'x' });
    expect([shared.exitCode, shared.stderr]).toEqual([
      2,
      'error: providers.doppler.token has one value for each cluster (home, cabin): --cluster NAME says which; --replace puts one for all in their place\n',
    ]);
    expectExit(await desk.run(['seal', 'doppler.token', '--replace'], { input: TOKEN }), 0);
    const own = await desk.run(['seal', 'doppler.token', '--cluster', 'home'], { input: 'x' });
    expect(own.stderr).toContain('--replace puts one for home alone in its place');
    expect(own.exitCode).toBe(2);
  });

  test('--print gives the block, and leaves the file as it is', async () => {
    const before = await desk.read();
    const { stdout, exitCode } = await desk.run(['seal', 'nas.headers.X-Api-Key', '--print', '--cluster', 'cabin'], {
      input: 'printed',
    });
    expect(exitCode).toBe(0);
    const block = parse(stdout) as Readonly<Record<string, { perCluster: { cabin: { sealed: string } } }>>;
    const text = block['X-Api-Key']?.perCluster.cabin.sealed ?? '';
    expect((await decryptWithAge(text, cabin.file)).toString()).toBe('printed');
    expect(await desk.read()).toBe(before);
  });

  test('a value that stands in the file itself is replaced, with a warning', async () => {
    await desk.write((await desk.read()).replace('{ env: DOPPLER_TOKEN }', 'dp.st.in-the-file'));
    expect((await desk.run(['validate'])).stdout + (await desk.run(['validate'])).stderr).toContain(
      '`hikyaku seal providers.doppler.token`',
    );
    const finished = await desk.run(['seal', 'providers.doppler.token'], { input: TOKEN });
    expectExit(finished, 0);
    expect(finished.stderr).toContain('a value stood in the file itself');
    expect(finished.stdout + finished.stderr).not.toContain('in-the-file');
    expect(await desk.read()).not.toContain('in-the-file');
    expect((await decryptWithAge(await sealedToken(), home.file)).toString()).toBe(TOKEN);
  });

  test('so is one in the place of one cluster, and the others stay', async () => {
    for (const name of ['home', 'cabin'])
      expectExit(await desk.run(['seal', 'doppler.token', '--cluster', name], { input: `for ${name}` }), 0);
    const good = (await written()).providers.doppler.token.perCluster?.['home']?.sealed ?? '';
    const block = new RegExp(`cabin:\\s+sealed: \\|[^]*-----END AGE ENCRYPTED FILE-----`);
    await desk.write((await desk.read()).replace(block, 'cabin: dp.st.in-the-file'));
    expect((await desk.run(['validate'])).exitCode).toBe(2);
    expectExit(await desk.run(['seal', 'doppler.token.perCluster.cabin'], { input: 'sealed' }), 0);
    const { perCluster = {} } = (await written()).providers.doppler.token;
    expect(perCluster['home']?.sealed).toBe(good);
    expect((await decryptWithAge(perCluster['cabin']?.sealed ?? '', cabin.file)).toString()).toBe('sealed');
  });

  test('a value on the command line is refused, and not repeated', async () => {
    for (const args of [
      ['seal', 'doppler.token', TOKEN],
      ['seal', TOKEN],
    ]) {
      const { exitCode, stdout, stderr } = await desk.run(args, { input: 'x' });
      expect(exitCode).toBe(2);
      expect(stdout + stderr).not.toContain(TOKEN);
      expect(stdout + stderr).not.toContain('q7RkzWmPbtS3nVxY');
    }
  });

  test.each([
    ['dopler.token', 'error: there is no source dopler in hikyaku.yaml; did you mean doppler?\n'],
    ['providers.doppler.tokn', 'error: doppler has no credential tokn; did you mean doppler.token?\n'],
    ['nas.header', /^error: nas has no credential header; it has: nas\.token, nas\.headers\.NAME, /],
    ['doppler', 'error: which credential of doppler? It has: doppler.token\n'],
    ['quite-else', 'error: a credential is named by its place, such as providers.doppler.token\n'],
  ])('%s is no credential, and the message says what is', async (path, message) => {
    const { exitCode, stderr } = await desk.run(['seal', path], { input: 'x' });
    expect(stderr).toMatch(message);
    expect(exitCode).toBe(2);
  });

  test('a cluster that is none is said with the nearest name', async () => {
    const misspelt = await desk.run(['seal', 'doppler.token', '--cluster', 'cabbin'], { input: 'x' });
    expect(misspelt.stderr).toBe(
      'error: there is no cluster cabbin under recipients: of hikyaku.yaml; did you mean cabin?\n',
    );
    const backup = await desk.run(['seal', 'doppler.token', '--cluster', 'me'], { input: 'x' });
    expect(backup.stderr).toBe('error: me is a backup key, and no cluster\n');
  });

  test('without a recipient it says how to add one; without a backup it warns', async () => {
    await desk.write(handWritten({ clusters: [] }).replace(/^recipients:.*$/m, ''));
    const nobody = await desk.run(['seal', 'doppler.token'], { input: TOKEN });
    expect(nobody.exitCode).toBe(2);
    expect(nobody.stderr).toContain('hikyaku recipients add NAME --context CONTEXT');
    await desk.write(handWritten({ clusters: [home] }));
    const alone = await desk.run(['seal', 'doppler.token'], { input: TOKEN });
    expectExit(alone, 0);
    expect(alone.stderr).toContain('! only clusters can open it: add your own key, too');
  });

  test('an empty value is refused', async () => {
    const { exitCode, stderr } = await desk.run(['seal', 'doppler.token'], { input: '\n' });
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('is empty: nothing was written')]);
  });

  test('mode and links of the file stay, and nothing is left beside it', async () => {
    await mkdir(join(desk.folder, 'elsewhere'));
    const target = join(desk.folder, 'elsewhere', 'real.yaml');
    await writeFile(target, handWritten({ clusters: [home], backup: me }));
    await chmod(target, 0o640);
    await symlink(target, join(desk.folder, 'linked.yaml'));
    expectExit(await desk.run(['seal', 'doppler.token', '--config', 'linked.yaml'], { input: TOKEN }), 0);
    expect((await lstat(join(desk.folder, 'linked.yaml'))).isSymbolicLink()).toBe(true);
    expect((await stat(target)).mode & 0o777).toBe(0o640);
    expect(await readdir(join(desk.folder, 'elsewhere'))).toEqual(['real.yaml']);
  });

  test.skipIf(process.getuid?.() !== 0)('its owner stays', async () => {
    await chown(desk.path, 4711, 4712);
    expectExit(await desk.run(['seal', 'doppler.token'], { input: TOKEN }), 0);
    const { uid, gid } = await stat(desk.path);
    expect([uid, gid]).toEqual([4711, 4712]);
  });

  test('a file with CRLF, a byte order mark and no last line break keeps them', async () => {
    const text = `\uFEFF${(await desk.read()).replaceAll('\n', '\r\n').trimEnd()}`;
    await desk.write(text);
    expectExit(await desk.run(['seal', 'doppler.token'], { input: TOKEN }), 0);
    const after = await desk.read();
    expect(after.startsWith('\uFEFF# yaml')).toBe(true);
    expect(after.endsWith('# the end')).toBe(true);
    expect(after.replaceAll('\r\n', '')).not.toContain('\n');
    expect((await decryptWithAge(await sealedToken(), home.file)).toString()).toBe(TOKEN);
  });

  test.skipIf(!hasTerminals)(
    'a person is asked, sees what it is for first, and nothing of what they type',
    async () => {
      const { exitCode, screen } = await hikyakuInTerminal(['seal', 'doppler.token'], {
        cwd: desk.folder,
        env: { HOME: desk.folder },
        types: [{ after: 'Value of providers.doppler.token (not shown)', keys: `${TOKEN}\r` }],
      });
      expect(exitCode).toBe(0);
      expect(screen.indexOf('https://api.doppler.com')).toBeLessThan(screen.indexOf('Value of'));
      expect(screen).toContain('\u001b[32m✓');
      expect(screen).not.toContain(TOKEN);
      expect((await decryptWithAge(await sealedToken(), me.file)).toString()).toBe(TOKEN);
    },
  );

  test.skipIf(!hasTerminals)('Ctrl-C changes nothing', async () => {
    const before = await desk.read();
    const { exitCode } = await hikyakuInTerminal(['seal', 'doppler.token'], {
      cwd: desk.folder,
      env: { HOME: desk.folder },
      types: [{ after: 'not shown', keys: 'dp.st.half\u0003' }],
    });
    expect(exitCode).toBe(130);
    expect(await desk.read()).toBe(before);
  });
});

describe('unseal', () => {
  beforeEach(async () => {
    expectExit(await desk.run(['seal', 'doppler.token'], { input: TOKEN }), 0);
  });

  test('gives the value to a pipe, byte for byte, and says what it is bound to', async () => {
    const finished = await desk.run(['unseal', 'providers.doppler.token'], { as: cabin });
    expectExit(finished, 0);
    expect(finished.stdout).toBe(TOKEN);
    expect(finished.stderr).toMatch(
      /^providers\.doppler\.token: sealed \d{4}-\d\d-\d\d for doppler\/token at https:\/\/api\.doppler\.com\n$/,
    );
  });

  test('it does so whatever the config says of where it may be sent', async () => {
    await desk.write((await desk.read()).replace('type: doppler\n', 'type: doppler\n    url: https://evil.example\n'));
    const finished = await desk.run(['unseal', 'doppler.token', '--json'], { as: me });
    expectExit(finished, 0);
    expect(JSON.parse(finished.stdout)).toMatchObject({ value: TOKEN, to: ['https://api.doppler.com'] });
  });

  test('without a key, and with another one, it says which were tried', async () => {
    const none = await desk.run(['unseal', 'doppler.token']);
    expect(none.exitCode).toBe(2);
    expect(none.stderr).toContain('there is no key to open providers.doppler.token (hikyaku.yaml:');
    expect(none.stderr).toContain('SOPS_AGE_KEY');
    const stranger = await makeParty('stranger');
    const wrong = await desk.run(['unseal', 'doppler.token'], { as: stranger });
    expect(wrong.exitCode).toBe(1);
    expect(wrong.stderr).toContain(`my key is ${stranger.fingerprint}; tried SOPS_AGE_KEY\n`);
    expect(wrong.stdout + wrong.stderr).not.toContain('AGE-SECRET-KEY-');
  });

  test('--identity names a file, and ~/.config/sops/age/keys.txt is found by itself', async () => {
    await writeFile(join(desk.folder, 'key.txt'), me.file);
    expect((await desk.run(['unseal', 'doppler.token', '--identity', 'key.txt'])).stdout).toBe(TOKEN);
    await mkdir(join(desk.folder, '.config/sops/age'), { recursive: true });
    await writeFile(join(desk.folder, '.config/sops/age/keys.txt'), home.file);
    expect((await desk.run(['unseal', 'doppler.token'])).stdout).toBe(TOKEN);
  });

  test.skipIf(process.platform === 'win32')(
    'a key in hardware opens it through the age command, which finds its plug-in',
    async () => {
      const bin = join(desk.folder, 'bin');
      await mkdir(bin);
      await writeFile(join(desk.folder, 'hardware.txt'), me.file);
      // A plug-in is between age and its hardware; here the whole of age stands in for it.
      const age = `#!/bin/sh\n[ "$1 $2 $3" = "-d -i -" ] && [ "$(cat)" = AGE-PLUGIN-TEST-1QQPQY ] && exec "${await ensureReferenceTool('age')}" -d -i "${desk.folder}/hardware.txt" "$4"\n`;
      await writeFile(join(bin, 'age'), age, { mode: 0o755 });
      await writeFile(join(desk.folder, 'stub.txt'), '# serial 1\nAGE-PLUGIN-TEST-1QQPQY\n');
      const env = { PATH: `${bin}:${process.env['PATH'] ?? ''}`, SOPS_AGE_KEY_FILE: 'stub.txt' };
      expect((await desk.run(['unseal', 'doppler.token'], { env })).stdout).toBe(TOKEN);
      const lab = await makeParty('lab');
      expectExit(await desk.run(['recipients', 'add', 'lab', lab.recipient, '--yes'], { env }), 0);
      expect((await desk.run(['unseal', 'doppler.token'], { as: lab })).stdout).toBe(TOKEN);
      const none = await desk.run(['unseal', 'doppler.token'], { env: { ...env, PATH: '/nowhere' } });
      expect([none.exitCode, none.stderr]).toEqual([2, expect.stringContaining('`age` command, and it is not in')]);
      await writeFile(join(bin, 'age'), '#!/bin/sh\necho no such hardware >&2; exit 1\n', { mode: 0o755 });
      const gone = await desk.run(['unseal', 'doppler.token'], { env });
      expect(gone.exitCode).toBe(1);
      expect(gone.stderr).toMatch(/^no such hardware\nerror: .*, my keys are none; tried the file .*stub\.txt\n$/);
    },
  );

  test('what is not sealed is said so', async () => {
    const { exitCode, stderr } = await desk.run(['unseal', 'nas.token'], { as: me });
    expect([exitCode, stderr]).toEqual([
      2,
      'error: providers.nas.token is not sealed: it is not set; hikyaku seal providers.nas.token seals a value there\n',
    ]);
  });

  test.skipIf(!hasTerminals)('shows nothing on a terminal but with --show', async () => {
    const env = { HOME: desk.folder, SOPS_AGE_KEY: me.file };
    const hidden = await hikyakuInTerminal(['unseal', 'doppler.token'], { cwd: desk.folder, env });
    expect(hidden.exitCode).toBe(2);
    expect(hidden.screen).not.toContain(TOKEN);
    const shown = await hikyakuInTerminal(['unseal', 'doppler.token', '--show'], { cwd: desk.folder, env });
    expect(shown.exitCode).toBe(0);
    expect(shown.screen).toContain(`${TOKEN}\r\n`);
  });
});

describe('rewrap', () => {
  beforeEach(async () => {
    expectExit(await desk.run(['seal', 'doppler.token'], { input: TOKEN }), 0);
    expectExit(await desk.run(['seal', 'nas.token'], { input: 'token-of-the-nas' }), 0);
  });

  /** As a commit of somebody else would. */
  async function addByHand(party: Party): Promise<void> {
    const text = await desk.read();
    await desk.write(text.replace('recipients:   # public keys only\n', `$&  ${party.name}: ${party.recipient}\n`));
  }

  test('twice gives no diff', async () => {
    const before = await desk.read();
    const right = await desk.run(['rewrap'], { as: me });
    expectExit(right, 0);
    expect(right.stdout).toBe('✓ 2 values looked at: nothing to change\n');
    expect(await desk.read()).toBe(before);
    await addByHand(await makeParty('lab'));
    expectExit(await desk.run(['rewrap', '--yes'], { as: me }), 0);
    const once = await desk.read();
    const twice = await desk.run(['rewrap', '--yes'], { as: me });
    expectExit(twice, 0);
    expect(await desk.read()).toBe(once);
    expect(aroundSealed(once).replace(/ {2}lab:.*\n/, '')).toBe(aroundSealed(before));
  });

  test('an added key is confirmed by name and fingerprint, or with --yes', async () => {
    const lab = await makeParty('lab');
    await addByHand(lab);
    const before = await desk.read();
    const asked = await desk.run(['rewrap'], { as: me });
    expect(asked.exitCode).toBe(2);
    expect(asked.stderr).toContain(`~ providers.doppler.token  + lab (${lab.fingerprint})`);
    expect(asked.stderr).toContain('nobody is there to confirm: nothing was written');
    expect(await desk.read()).toBe(before);
    const done = await desk.run(['rewrap', '--yes', '--json'], { as: me });
    expectExit(done, 0);
    expect(JSON.parse(done.stdout)).toMatchObject({
      values: [
        { path: 'providers.doppler.token', action: 'rewrap', added: [{ name: 'lab', fingerprint: lab.fingerprint }] },
        { path: 'providers.nas.token', action: 'rewrap', removed: [] },
      ],
      files: ['hikyaku.yaml'],
    });
    expect((await decryptWithAge(await sealedToken(), lab.file)).toString()).toBe(TOKEN);
  });

  test('it changes neither what a value is bound to nor when it was sealed, whatever the config says', async () => {
    const before = await readHeader(await sealedToken());
    await addByHand(await makeParty('lab'));
    await desk.write((await desk.read()).replace('type: doppler\n', 'type: doppler\n    url: https://evil.example\n'));
    expectExit(await desk.run(['rewrap', '--yes'], { as: home }), 0);
    const after = await readHeader(await sealedToken());
    expect(after.binding).toEqual(before.binding);
    expect(after.sealedAt).toBe(before.sealedAt);
    expect([...after.recipients.keys()].toSorted()).toEqual(['cabin', 'home', 'lab', 'me']);
  });

  test('a value of one cluster is not given to another', async () => {
    expectExit(await desk.run(['seal', 'doppler.token', '--cluster', 'home', '--replace'], { input: 'for-home' }), 0);
    await addByHand(await makeParty('lab'));
    expectExit(await desk.run(['rewrap', '--yes'], { as: me }), 0);
    const { perCluster = {} } = (await written()).providers.doppler.token;
    expect([...(await readHeader(perCluster['home']?.sealed ?? '')).recipients.keys()]).toEqual(['home', 'me']);
  });

  test('what none of the keys opens is said, with the keys that were tried, and nothing is written', async () => {
    await addByHand(await makeParty('lab'));
    const before = await desk.read();
    const stranger = await makeParty('stranger');
    const { exitCode, stderr } = await desk.run(['rewrap', '--yes'], { as: stranger });
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(
      /error: providers\.doppler\.token \(hikyaku\.yaml:\d+\): sealed for .*, my key is [0-9a-f]{24}; tried SOPS_AGE_KEY\n/,
    );
    expect(stderr).toContain('error: nothing was written');
    expect(await desk.read()).toBe(before);
    const none = await desk.run(['rewrap', '--yes']);
    expect([none.exitCode, none.stderr]).toEqual([1, expect.stringContaining('give --identity FILE')]);
  });

  test('a damaged value is found, and all of the file stays as it is', async () => {
    await addByHand(await makeParty('lab'));
    const text = await sealedToken();
    // In the middle of the header: one stanza says something else now.
    const lines = text.split('\n');
    const line = lines[3] ?? '';
    const other = line.replace(/[A-Za-z]/, (letter) => (letter === 'A' ? 'B' : 'A'));
    await desk.write((await desk.read()).replace(line, other));
    const before = await desk.read();
    const { exitCode, stderr } = await desk.run(['rewrap', '--yes'], { as: me });
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/error: providers\.doppler\.token \(hikyaku\.yaml:\d+\): /);
    expect(stderr).toContain('error: nothing was written');
    expect(await desk.read()).toBe(before);
    expectExit(await desk.run(['rewrap', 'nas.token', '--yes'], { as: me }), 0);
  });

  test('a forged binding is found by whoever opens it, and refused', async () => {
    await addByHand(await makeParty('lab'));
    const text = await sealedToken();
    const forged = forgeBinding(text, (json) => json.replace('https://api.doppler.com', 'https://evil.example'));
    expect((await readHeader(forged)).binding?.to).toEqual(['https://evil.example']);
    const block = (armor: string) => armor.trimEnd().split('\n').join('\n        ');
    await desk.write((await desk.read()).replace(block(text), block(forged)));
    const before = await desk.read();
    for (const args of [
      ['rewrap', '--yes'],
      ['unseal', 'doppler.token'],
      ['recipients', 'rm', 'cabin'],
    ]) {
      const { exitCode, stdout, stderr } = await desk.run(args, { as: me });
      expect([args, exitCode, stderr]).toEqual([args, 1, expect.stringContaining('bad header MAC')]);
      expect(stdout).not.toContain(TOKEN);
    }
    expect(await desk.read()).toBe(before);
  });

  test('a value that plain age made is left as it is; the agent refuses it unless it says so', async () => {
    const bare = await encryptWithAge('made by age', [home.recipient, me.recipient]);
    const block = `{ sealed: ${JSON.stringify(bare)}, unbound: true }`;
    await desk.write(handWritten({ clusters: [home], backup: me }).replace('{ env: DOPPLER_TOKEN }', block));
    const { stderr, exitCode } = await desk.run(['rewrap'], { as: me });
    expect(exitCode).toBe(0);
    expect(stderr).toContain('! providers.doppler.token  left as it is: made by plain age');
    expect((await desk.run(['lint'])).exitCode).toBe(0);
    expect((await desk.run(['unseal', 'doppler.token'], { as: me })).stdout).toBe('made by age');
    await desk.write((await desk.read()).replace(', unbound: true', ''));
    const lint = await desk.run(['lint']);
    expect([lint.exitCode, lint.stdout]).toEqual([1, expect.stringContaining('NO_BINDING')]);
    const refused = await desk.run(['list', 'doppler'], { as: me });
    expect(refused.exitCode).not.toBe(0);
    expect(refused.stderr).toContain('token of source doppler (hikyaku.yaml:');
    expect(refused.stderr).toContain('does not say where it may be sent, as plain age made it');
  });

  test.skipIf(!hasTerminals)('a person is asked whether a key may be added, and a no writes nothing', async () => {
    const lab = await makeParty('lab');
    await addByHand(lab);
    const before = await desk.read();
    const { exitCode, screen } = await hikyakuInTerminal(['rewrap'], {
      cwd: desk.folder,
      env: { HOME: desk.folder, SOPS_AGE_KEY: me.file },
      types: [{ after: `Let lab (${lab.fingerprint}) open what is sealed?`, keys: 'n' }],
    });
    expect(exitCode).toBe(1);
    expect(screen).toContain('nothing was written');
    expect(await desk.read()).toBe(before);
  });
});
