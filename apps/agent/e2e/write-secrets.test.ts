import { spawnSync } from 'node:child_process';
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FakeDoppler, startFakeDoppler } from '@hikyaku/provider-doppler/testing';
import { ConfigFiles, expectExit, type Finished, hikyaku, startHikyaku } from '@hikyaku/testbed';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { hasTerminals, hikyakuInTerminal } from '../../../tools/testbed/src/terminal.ts';

// What a person does with secrets where they are kept, with the built agent and without any cluster.

const hasVi = spawnSync('sh', ['-c', 'command -v vi']).status === 0;
const configs = new ConfigFiles();
let doppler: FakeDoppler;
let directory: string;
let count = 0;
let project: string;
let configPath: string;
let token: string;

beforeAll(async () => {
  doppler = await startFakeDoppler({ limits: { secretReads: 1_000_000 } });
});

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hikyaku-write-'));
  project = `write-${++count}`;
  doppler.addConfig(project, 'prd', { DB_USER: 'ann', DB_PASSWORD: 'first-password', UNUSED: 'nobody-wants-me' });
  token = doppler.serviceToken(project, 'prd', { access: 'read/write' });
  configPath = await configs.write({
    providers: { homelab: { type: 'doppler', url: doppler.url } },
    secrets: [
      { name: 'db', namespace: 'web', from: 'homelab', data: { password: 'DB_PASSWORD' } },
      { name: 'all-db', namespace: 'worker', from: 'homelab', dataFrom: [{ keys: 'DB_*' }] },
    ],
  });
});

afterEach(async () => {
  const left = await temporaryFiles();
  if (left.length > 0) throw new Error(`left behind: ${left.join(', ')}`);
  await rm(directory, { recursive: true, force: true });
});

afterAll(async () => {
  await doppler?.close();
  await configs[Symbol.asyncDispose]();
});

/** Of this source; other tests edit at the same time. */
async function temporaryFiles(): Promise<readonly string[]> {
  const found: string[] = [];
  for (const place of ['/dev/shm', tmpdir()]) {
    for (const name of await readdir(place).catch(() => [])) {
      if (!/^hikyaku-[A-Za-z0-9]{6}$/.test(name)) continue;
      const files = await readdir(join(place, name)).catch(() => []);
      if (files.some((file) => file.includes('homelab.yaml'))) found.push(name);
    }
  }
  return found;
}

interface RunOptions {
  readonly input?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
}

async function run(args: readonly string[], { input, env = {} }: RunOptions = {}): Promise<Finished> {
  return await hikyaku([...args, '--config', configPath], {
    env: { DOPPLER_TOKEN: token, ...env },
    ...(input !== undefined && { input }),
  });
}

/** What Doppler holds now. */
async function held(): Promise<Readonly<Record<string, string>>> {
  const { stdout } = await run(['list', 'homelab', '--reveal', '--json']);
  const { secrets } = JSON.parse(stdout) as { secrets: readonly { name: string; value: string }[] };
  return Object.fromEntries(secrets.map(({ name, value }) => [name, value]));
}

const FIRST = { DB_PASSWORD: 'first-password', DB_USER: 'ann', UNUSED: 'nobody-wants-me' };

/** A program that a person edits with: a script that gets the file's path. */
async function editor(script: string): Promise<Readonly<Record<string, string>>> {
  const path = join(directory, 'editor.sh');
  await writeFile(path, `#!/bin/sh\nset -e\nfile="$1"\n${script}\n`);
  await chmod(path, 0o700);
  return { EDITOR: path };
}

describe('list', () => {
  test('shows names, and values only when asked for', async () => {
    const plain = await run(['list', 'homelab']);
    expectExit(plain, 0);
    expect(plain.stdout).toBe('DB_PASSWORD\nDB_USER\nUNUSED\n');
    expect(plain.stderr).toContain('3 secrets in doppler');
    expect(plain.stdout + plain.stderr).not.toContain('first-password');
    expect((await run(['list', 'homelab', '--reveal'])).stdout).toContain('DB_PASSWORD  first-password\n');
    expect(JSON.parse((await run(['list', 'homelab', '--json'])).stdout)).toEqual({
      source: 'homelab',
      secrets: [{ name: 'DB_PASSWORD' }, { name: 'DB_USER' }, { name: 'UNUSED' }],
    });
  });

  test('a name can do nothing to the terminal', async () => {
    doppler.addConfig(project, 'odd', { 'A\u001b[2J\nB': 'x' });
    const env = { DOPPLER_TOKEN: doppler.serviceToken(project, 'odd') };
    expect((await run(['list', 'homelab'], { env })).stdout).toBe('A\\u001b[2J\\u000aB\n');
  });

  test('a source that is not there is a clear error', async () => {
    const { exitCode, stderr } = await run(['list', 'homelap']);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/^error: there is no source homelap in .*; there are: homelab\n$/);
  });
});

describe('set', () => {
  test('takes the value from a pipe, without its last line break, and says what it did', async () => {
    const finished = await run(['set', 'homelab', 'DB_PASSWORD'], { input: 'second-password\n' });
    expectExit(finished, 0);
    expect(finished.stderr).toContain('~ DB_PASSWORD  will be changed  used by web/db, worker/all-db');
    expect(finished.stdout).toContain('✓ DB_PASSWORD  changed');
    expect(finished.stdout).toContain('A running agent reads homelab every 1m.');
    expect(finished.stdout + finished.stderr).not.toContain('second-password');
    expect(await held()).toEqual({ ...FIRST, DB_PASSWORD: 'second-password' });
  });

  test('takes it from a file byte for byte, several lines too, and makes what is not there', async () => {
    const path = join(directory, 'tls.key');
    const pem = '-----BEGIN KEY-----\nabc\n-----END KEY-----\n';
    await writeFile(path, pem);
    const finished = await run(['set', 'homelab', 'TLS_KEY', '--from-file', path, '--json']);
    expectExit(finished, 0);
    expect(JSON.parse(finished.stdout)).toEqual({
      source: 'homelab',
      secrets: [{ name: 'TLS_KEY', action: 'create' }],
    });
    expect(await held()).toMatchObject({ TLS_KEY: pem });
  });

  test('a value on the command line is refused, and not repeated', async () => {
    const { exitCode, stdout, stderr } = await run(['set', 'homelab', 'DB_PASSWORD', 'on-the-command-line']);
    expect(exitCode).toBe(2);
    expect(stdout + stderr).not.toContain('on-the-command-line');
    expect(stderr).toContain('a value does not belong on the command line');
    expect(await held()).toEqual(FIRST);
  });

  test('an empty value is a mistake unless it is meant', async () => {
    const { exitCode, stderr } = await run(['set', 'homelab', 'DB_PASSWORD'], { input: '\n' });
    expect(exitCode).toBe(2);
    expect(stderr).toContain('the value of DB_PASSWORD is empty: give --allow-empty if it is meant to be');
    const meant = await run(['set', 'homelab', 'DB_PASSWORD', '--allow-empty'], { input: '' });
    expectExit(meant, 0);
    expect(meant.stderr).toContain('~ DB_PASSWORD  will be changed, and be empty');
    expect(await held()).toEqual({ ...FIRST, DB_PASSWORD: '' });
  });

  test('a name that is empty, as an unset variable gives it, is a mistake', async () => {
    for (const args of [
      ['set', 'homelab', ''],
      ['unset', 'homelab', 'UNUSED', '', '--yes'],
      ['edit', 'homelab', ''],
    ]) {
      const { exitCode, stderr } = await run(args, { input: 'x' });
      expect([exitCode, stderr]).toEqual([2, expect.stringContaining('A secret needs a name.')]);
    }
    expect(await held()).toEqual(FIRST);
  });

  test('bytes that are no text are refused before anything is sent', async () => {
    const finished = await run(['set', 'homelab', 'DB_PASSWORD'], { input: Uint8Array.of(0xff, 0xfe, 1) });
    expectExit(finished, 1);
    expect(await held()).toEqual(FIRST);
  });

  test('what is equal already is not written', async () => {
    doppler.resetCounters();
    const finished = await run(['set', 'homelab', 'DB_USER'], { input: 'ann' });
    expectExit(finished, 0);
    expect(finished.stderr).toContain('nothing to change');
    expect(doppler.requests.some(({ method }) => method === 'POST')).toBe(false);
  });

  test('a token that may only read is told so politely', async () => {
    const env = { DOPPLER_TOKEN: doppler.serviceToken(project, 'prd') };
    const finished = await run(['set', 'homelab', 'DB_PASSWORD'], { input: 'x-secret-x', env });
    expectExit(finished, 1);
    expect(finished.stdout).toMatch(/✗ DB_PASSWORD  .*read\/write/);
    expect(await held()).toEqual(FIRST);
  });

  test.runIf(hasTerminals)(
    'in a terminal it asks for the value, shows none of it, and asks before it writes',
    async () => {
      const { exitCode, screen } = await hikyakuInTerminal(['set', 'homelab', 'DB_PASSWORD', '--config', configPath], {
        env: { DOPPLER_TOKEN: token },
        types: [
          { after: 'not shown', keys: 'typed-password' },
          { after: '•', keys: '\r' },
          { after: 'Write this to homelab?', keys: 'y' },
        ],
      });
      expect([exitCode, screen]).toEqual([0, screen]);
      expect(screen).not.toContain('typed-password');
      expect(await held()).toEqual({ ...FIRST, DB_PASSWORD: 'typed-password' });
    },
  );

  test.runIf(hasTerminals)('cancelled at either question, nothing is written', async () => {
    const options = { env: { DOPPLER_TOKEN: token } };
    const args = ['set', 'homelab', 'DB_PASSWORD', '--config', configPath];
    const first = await hikyakuInTerminal(args, { ...options, types: [{ after: 'not shown', keys: '\u0003' }] });
    expect(first.exitCode).toBe(130);
    const second = await hikyakuInTerminal(args, {
      ...options,
      types: [
        { after: 'not shown', keys: 'abc-secret\r' },
        { after: 'Write this to homelab?', keys: 'n' },
      ],
    });
    expect(second.exitCode).toBe(1);
    expect(await held()).toEqual(FIRST);
  });

  test.runIf(hasTerminals)('Ctrl-D is no answer to any question, and freezes none', async () => {
    const options = { env: { DOPPLER_TOKEN: token } };
    const args = ['set', 'homelab', 'DB_PASSWORD', '--config', configPath];
    const first = await hikyakuInTerminal(args, { ...options, types: [{ after: 'not shown', keys: '\u0004' }] });
    expect(first.exitCode).toBe(130);
    const second = await hikyakuInTerminal(args, {
      ...options,
      types: [
        { after: 'not shown', keys: 'abc-secret\r' },
        { after: 'Write this to homelab?', keys: '\u0004' },
      ],
    });
    expect(second.exitCode).toBe(130);
    expect(await held()).toEqual(FIRST);
  });

  test.runIf(hasTerminals)('several pasted lines are refused, and none of them reaches the shell', async () => {
    const { exitCode, screen } = await hikyakuInTerminal(['set', 'homelab', 'DB_PASSWORD', '--config', configPath], {
      env: { DOPPLER_TOKEN: token },
      types: [{ after: 'not shown', keys: 'first-line\rsecond-line\rthird-line\r' }],
    });
    expect(exitCode).toBe(2);
    expect(screen).toContain('more than one line was pasted');
    expect(screen).not.toContain('second-line');
    expect(await held()).toEqual(FIRST);
  });
});

describe('unset', () => {
  test('removes what is there, says what it is used by, and takes no offence at the rest', async () => {
    const finished = await run(['unset', 'homelab', 'DB_PASSWORD', 'NEVER_WAS', '--yes']);
    expectExit(finished, 0);
    expect(finished.stderr).toContain('. NEVER_WAS  is not there');
    expect(finished.stderr).toContain('- DB_PASSWORD  will be removed  used by web/db, worker/all-db');
    expect(await held()).toEqual({ DB_USER: 'ann', UNUSED: 'nobody-wants-me' });
  });

  test('without a terminal it wants --yes', async () => {
    const { exitCode, stderr } = await run(['unset', 'homelab', 'UNUSED']);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('nobody is there to confirm: nothing was written; --yes writes without asking');
    expect(await held()).toEqual(FIRST);
  });
});

describe('edit', () => {
  test('several at once: changed, added and removed', async () => {
    const env = await editor(
      `sed -i 's/^DB_PASSWORD: .*/DB_PASSWORD: "new: #1"/; /^UNUSED:/d' "$file"; printf 'TLS: |\\n  a\\n  b\\n' >> "$file"`,
    );
    const finished = await run(['edit', 'homelab', '--yes'], { env });
    expectExit(finished, 0);
    expect(finished.stderr).toContain('~ DB_PASSWORD  will be changed');
    expect(finished.stderr).toContain('+ TLS  will be created');
    expect(finished.stderr).toContain('- UNUSED  will be removed');
    expect(await held()).toEqual({ DB_PASSWORD: 'new: #1', DB_USER: 'ann', TLS: 'a\nb\n' });
  });

  test.each([
    ['has arguments, one with a space', `sed -i 's/first-password/by an editor/'`],
    ['has a variable before it', 'LC_ALL=C sed -i "s/first-password/by an editor/"'],
    ['is two commands', 'true && sed -i "s/first-password/by an editor/"'],
  ])('an editor that %s', async (_, EDITOR) => {
    expectExit(await run(['edit', 'homelab', '--yes'], { env: { EDITOR } }), 0);
    expect(await held()).toEqual({ ...FIRST, DB_PASSWORD: 'by an editor' });
  });

  test.runIf(hasTerminals && hasVi)(
    'without $EDITOR it is vi, in the terminal, and what changed is confirmed',
    async () => {
      const { exitCode, screen } = await hikyakuInTerminal(['edit', 'homelab', '--config', configPath], {
        env: { DOPPLER_TOKEN: token, HOME: directory },
        types: [
          { after: 'first-password', keys: ':%s/first-password/typed-in-vi/\r:wq\r' },
          { after: 'Write this to homelab?', keys: 'y' },
        ],
      });
      expect([exitCode, screen]).toEqual([0, screen]);
      expect(await held()).toEqual({ ...FIRST, DB_PASSWORD: 'typed-in-vi' });
    },
  );

  test('the file is for this user alone, and in memory where the machine has that', async () => {
    const env = await editor(`stat -c '%a %n' "$file" "$(dirname "$file")" > ${join(directory, 'stat')}`);
    const finished = await run(['edit', 'homelab'], { env });
    expectExit(finished, 0);
    expect(finished.stderr).toContain('nothing was changed');
    const [file, folder] = (await readFile(join(directory, 'stat'), 'utf8')).split('\n');
    expect(file).toMatch(/^600 \/dev\/shm\/hikyaku-\w+\/homelab\.yaml$/);
    expect(folder).toMatch(/^700 /);
  });

  test('what an editor leaves beside the file goes with it', async () => {
    const env = await editor(`cp "$file" "$file~"; cp "$file" "$(dirname "$file")/.homelab.yaml.swp"`);
    expectExit(await run(['edit', 'homelab'], { env }), 0);
  });

  test('only the named ones are shown, and the others are safe', async () => {
    const env = await editor(`cat "$file" > ${join(directory, 'seen')}; sed -i '/^DB_USER:/d' "$file"`);
    expectExit(await run(['edit', 'homelab', 'DB_USER', 'UNUSED', '--yes'], { env }), 0);
    expect(await readFile(join(directory, 'seen'), 'utf8')).not.toContain('DB_PASSWORD');
    expect(await held()).toEqual({ DB_PASSWORD: 'first-password', UNUSED: 'nobody-wants-me' });
  });

  test.each([
    [
      'an editor that fails',
      'echo "X: y" >> "$file"; exit 3',
      /the editor .*editor\.sh ended with exit code 3: nothing was written/,
    ],
    ['an editor that is killed', 'kill -9 $$', /ended with (SIGKILL|exit code 137): nothing was written/],
    [
      'an editor that is not there',
      'exec nothing-of-that-name',
      /the editor .* is not there: set EDITOR to one that is/,
    ],
    [
      'an editor with another encoding',
      `printf 'X: \\351\\n' >> "$file"`,
      /the file is not UTF-8: nothing was written/,
    ],
    ['a file that is no YAML', 'echo "X: [" >> "$file"', /line \d+ is not YAML \(\w+\): nothing was written/],
    ['an emptied file', ': > "$file"', /the file is empty: that changes nothing/],
    ['a deleted file', 'rm "$file"', /the file is empty: that changes nothing/],
  ])('%s changes nothing, and leaves nothing behind', async (_, script, message) => {
    const { exitCode, stdout, stderr } = await run(['edit', 'homelab', '--yes'], { env: await editor(script) });
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(message);
    expect(stdout + stderr).not.toContain('first-password');
    expect(await held()).toEqual(FIRST);
  });

  test('what somebody else has changed meanwhile is not written over', async () => {
    const theirs = `${doppler.url}/v3/configs/config/secrets`;
    const env = await editor(
      `curl -s -H "authorization: Bearer ${token}" -H 'content-type: application/json' -d '{"secrets":{"DB_PASSWORD":"theirs"}}' '${theirs}' > /dev/null
       sed -i 's/^DB_PASSWORD: .*/DB_PASSWORD: mine/; s/^DB_USER: .*/DB_USER: bob/' "$file"`,
    );
    const finished = await run(['edit', 'homelab', '--yes'], { env });
    expectExit(finished, 1);
    expect(finished.stdout).toContain('somebody else has changed DB_PASSWORD meanwhile');
    expect(await held()).toEqual({ ...FIRST, DB_PASSWORD: 'theirs', DB_USER: 'bob' });
  });

  test('killed while the editor is open, it leaves nothing behind', async () => {
    const env = await editor(`echo ready > ${join(directory, 'ready')}; exec sleep 20 > /dev/null 2>&1`);
    const running = startHikyaku(['edit', 'homelab', '--config', configPath], {
      env: { DOPPLER_TOKEN: token, ...env },
    });
    await vi.waitFor(async () => expect(await readdir(directory)).toContain('ready'), { timeout: 20_000 });
    expect(await temporaryFiles()).toHaveLength(1);
    const { exitCode, seconds } = await running.stop();
    expect(exitCode).toBe(130);
    expect(seconds).toBeLessThan(10);
    expect(await held()).toEqual(FIRST);
  });
});
