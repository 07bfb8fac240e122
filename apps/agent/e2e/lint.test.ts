import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureReferenceTool } from '@hikyaku/reference-tools';
import { expectExit, field, hikyaku } from '@hikyaku/testbed';
import type { Finished } from '@hikyaku/testbed';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

// Each finding once: provoked by what somebody does to the file, and gone when its advice is followed. With the built command.

const TOKEN = 'dp.st.prd.the-one-that-is-never-printed-anywhere';
const NAMES = ['home', 'cabin', 'lab', 'me', 'later'] as const;
type Name = (typeof NAMES)[number];

let work: string;
let folder: string;
let age: string;
let keygen: string;
let count = 0;
const keys = new Map<Name, string>();
const printed: string[] = [];

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'hikyaku-lint-'));
  [age, keygen] = await Promise.all([ensureReferenceTool('age'), ensureReferenceTool('age-keygen')]);
  for (const name of NAMES) keys.set(name, generate(name));
});
afterAll(async () => {
  await rm(work, { recursive: true, force: true });
  const leaked = [TOKEN, 'AGE-SECRET-KEY'].filter((secret) => printed.join('\n').includes(secret));
  if (leaked.length > 0) throw new Error('a secret was printed');
});
beforeEach(async () => {
  folder = join(work, `${++count}`);
  await mkdir(folder);
  await write(config());
});

function generate(name: string, ...flags: readonly string[]): string {
  const path = join(work, `${name}.txt`);
  execFileSync(keygen, [...flags, '-o', path], { stdio: 'pipe' });
  return execFileSync(keygen, ['-y', path], { encoding: 'utf8' }).trim();
}

function key(name: Name): string {
  return keys.get(name) ?? '';
}

function config(): string {
  return `# clusters and me
recipients:
  home: ${key('home')}
  cabin: ${key('cabin')} # by the lake
  me: { key: ${key('me')}, backup: true }
providers:
  doppler:
    type: doppler
    project: homelab
    config: prd
    token: { env: UNUSED }
secrets:
  - { name: app, namespace: web, from: doppler }
`;
}

const path = () => join(folder, 'hikyaku.yaml');

async function write(text: string): Promise<void> {
  await writeFile(path(), text);
}

async function edit(change: (text: string) => string): Promise<void> {
  const before = await readFile(path(), 'utf8');
  const after = change(before);
  expect(after).not.toBe(before);
  await write(after);
}

async function run(args: readonly string[], input?: string): Promise<Finished> {
  const finished = await hikyaku([...args, '--config', path()], { cwd: folder, ...(input !== undefined && { input }) });
  printed.push(finished.stdout, finished.stderr);
  return finished;
}

async function seal(credential = 'providers.doppler.token'): Promise<void> {
  expectExit(await run(['seal', credential], TOKEN), 0);
}

/** As a value of its own is sealed where another form stands. */
async function sealOwn(cluster: Name): Promise<void> {
  expectExit(await run(['seal', `providers.doppler.token.perCluster.${cluster}`, '--replace'], TOKEN), 0);
}

async function rewrap(): Promise<void> {
  expectExit(await run(['rewrap', '--yes', '--identity', join(work, 'me.txt')]), 0);
}

/** `E CODE`, by place; the exit code says whether there is an E. */
async function lint(): Promise<readonly string[]> {
  const finished = await run(['lint', '--json']);
  const document: unknown = JSON.parse(finished.stdout);
  const findings = field(document, 'findings');
  if (!Array.isArray(findings)) throw new Error(finished.stdout);
  const isBad = findings.some((finding) => field(finding, 'severity') === 'error');
  expect({ exitCode: finished.exitCode, ok: field(document, 'ok') }).toEqual({ exitCode: isBad ? 1 : 0, ok: !isBad });
  return findings.map(
    (finding) => `${field(finding, 'severity') === 'error' ? 'E' : 'W'} ${String(field(finding, 'code'))}`,
  );
}

describe('lint', () => {
  test('says in one line, without colours, that there is nothing', async () => {
    await seal();
    const { stdout, stderr, exitCode } = await run(['lint']);
    expect({ exitCode, stdout, stderr }).toEqual({
      exitCode: 0,
      stdout: `✓ ${path()}: 1 sealed credential, 3 recipients: all in order\n`,
      stderr: '',
    });
  });

  test('a recipient who was written in by hand opens nothing until rewrap', async () => {
    await seal();
    await edit((text) => text.replace('  me:', `  lab: ${key('lab')}\n  me:`));
    expect(await lint()).toEqual(['E CANNOT_OPEN']);
    const { stdout } = await run(['lint']);
    const place = `${path()}:${(await readFile(path(), 'utf8')).split('\n').findIndex((line) => line.includes('sealed:')) + 1}:`;
    expect(stdout).toContain(`E ${place}`);
    expect(stdout).toContain(
      'cluster "lab" cannot open providers.doppler.token (CANNOT_OPEN)\n    run hikyaku rewrap\n',
    );
    await rewrap();
    expect(await lint()).toEqual([]);
  });

  test('who was removed by hand opens it until rewrap, and knows it until it is replaced', async () => {
    await seal();
    await edit((text) => text.replace(/^ {2}cabin:.*\n/m, ''));
    expect(await lint()).toEqual(['E REMOVED_CAN_OPEN']);
    await rewrap();
    expect(await lint()).toEqual(['W STILL_KNOWN']);
    expect((await run(['lint'])).stdout).toContain('removed "cabin" can still read this from Git history');
    await seal();
    expect(await lint()).toEqual([]);
  });

  test('recipients rm leaves the debt that lint then tells of, also after every further rewrap', async () => {
    await seal();
    expectExit(await run(['recipients', 'rm', 'cabin', '--yes', '--identity', join(work, 'me.txt')]), 0);
    expect(await lint()).toEqual(['W STILL_KNOWN']);
    await edit((text) => text.replace('  me:', `  lab: ${key('lab')}\n  me:`));
    await rewrap();
    expect(await lint()).toEqual(['W STILL_KNOWN']);
    await seal();
    expect(await lint()).toEqual([]);
  });

  test('a cluster that was made anew has another key', async () => {
    await seal();
    await edit((text) => text.replace(key('cabin'), key('later')));
    expect(await lint()).toEqual(['E CANNOT_OPEN', 'E OLD_KEY_CAN_OPEN']);
    await rewrap();
    expect(await lint()).toEqual(['W STILL_KNOWN']);
    await seal();
    expect(await lint()).toEqual([]);
  });

  test('a second key is told until the first is gone', async () => {
    await seal();
    await edit((text) => text.replace(`cabin: ${key('cabin')}`, `cabin: { keys: [${key('later')}, ${key('cabin')}] }`));
    expect(await lint()).toEqual(['W TWO_KEYS', 'W NEW_KEY_CANNOT_OPEN']);
    await rewrap();
    expect(await lint()).toEqual(['W TWO_KEYS']);
    await edit((text) => text.replace(/cabin: \{.*\}/, `cabin: ${key('later')}`));
    expect(await lint()).toEqual(['E OLD_KEY_CAN_OPEN']);
    await rewrap();
    expect(await lint()).toEqual(['W STILL_KNOWN']);
  });

  test('another destination is refused until it is sealed for it', async () => {
    await seal();
    await edit((text) => text.replace('type: doppler', 'type: doppler\n    url: https://doppler.example'));
    expect(await lint()).toEqual(['E OTHER_BINDING']);
    expect((await run(['lint'])).stdout).toContain(
      'sealed for doppler/token at https://api.doppler.com, asked for doppler/token at https://doppler.example',
    );
    await seal();
    expect(await lint()).toEqual([]);
  });

  test('what plain age has made is refused, or accepted by name and warned of', async () => {
    const recipients = [key('home'), key('me')].flatMap((recipient) => ['-r', recipient]);
    const armored = execFileSync(age, ['-e', '-a', ...recipients], { input: TOKEN, encoding: 'utf8' });
    const block = armored.trimEnd().replaceAll(/^/gm, '        ');
    await edit((text) => text.replace('token: { env: UNUSED }', `token:\n      sealed: |\n${block}`));
    expect(await lint()).toEqual(['E NO_BINDING']);
    await edit((text) => text.replace('    token:\n', '    token:\n      unbound: true\n'));
    expect(await lint()).toEqual(['W UNBOUND']);
    await seal();
    expect(await lint()).toEqual([]);
  });

  test('a value that has lost a line is damaged', async () => {
    await seal();
    await edit((text) => {
      const lines = text.split('\n');
      return lines.toSpliced(lines.findIndex((line) => line.includes('-----BEGIN')) + 3, 1).join('\n');
    });
    expect(await lint()).toEqual(['E DAMAGED']);
    await seal();
    expect(await lint()).toEqual([]);
  });

  test('keys of two kinds are not mixed', async () => {
    await seal();
    const strong = generate('strong', '-pq');
    await edit((text) => text.replace('  me:', `  lab: ${strong}\n  me:`));
    expect(await lint()).toEqual(['E MIXED_KEYS', 'E CANNOT_OPEN']);
    await edit((text) => text.replace(/^ {2}lab:.*\n/m, ''));
    expect(await lint()).toEqual([]);
  });

  test('a config that only clusters can open is warned of, and so is a backup key that opens nothing yet', async () => {
    const backup = `  me: { key: ${key('me')}, backup: true }\n`;
    await edit((text) => text.replace(backup, ''));
    await seal();
    expect(await lint()).toEqual(['W NO_BACKUP']);
    await edit((text) => text.replace('providers:', `${backup}providers:`));
    expect(await lint()).toEqual(['W BACKUP_CANNOT_OPEN']);
    expectExit(await run(['rewrap', '--yes', '--identity', join(work, 'home.txt')]), 0);
    expect(await lint()).toEqual([]);
  });

  test('each cluster that uses a source needs its own value where others have theirs', async () => {
    await sealOwn('home');
    expect(await lint()).toEqual(['E NO_VALUE_FOR_CLUSTER']);
    await sealOwn('cabin');
    expect(await lint()).toEqual([]);
  });

  test('a recipient who neither opens nor uses anything is told of', async () => {
    await edit((text) => text.replace('from: doppler', 'from: doppler, clusters: [home, cabin]'));
    await seal();
    await edit((text) => text.replace('  me:', `  lab: ${key('lab')}\n  me:`));
    expect(await lint()).toEqual(['W OPENS_NOTHING']);
    expectExit(await run(['recipients', 'rm', 'lab', '--yes', '--identity', join(work, 'me.txt')]), 0);
    expect(await lint()).toEqual([]);
  });

  test('tokens and private keys are found in comments, and never shown', async () => {
    await seal();
    await edit((text) => `# ${TOKEN}\n# -----BEGIN PRIVATE KEY-----\n${text}`);
    expect(await lint()).toEqual(['E TOKEN_IN_FILE', 'E KEY_IN_FILE']);
    await edit((text) => text.split('\n').slice(2).join('\n'));
    expect(await lint()).toEqual([]);
    await edit((text) => `# ${TOKEN}\n# AGE-SECRET-KEY-1${'Q'.repeat(58)}\n${text}`);
    const finished = await run(['lint']);
    expectExit(finished, 2);
    expect(finished.stderr).toContain(`${path()}:2:3`);
    expect(finished.stderr).toContain(`${path()}:1:3`);
  });

  test('reads a directory, and names the file of each finding', async () => {
    await seal();
    const text = await readFile(path(), 'utf8');
    const start = text.indexOf('providers:');
    await mkdir(join(folder, 'parts'));
    await writeFile(join(folder, 'parts/a.yaml'), text.slice(0, start).replace(key('cabin'), key('later')));
    await writeFile(join(folder, 'parts/b.yaml'), text.slice(start));
    const finished = await hikyaku(['lint', '--config', join(folder, 'parts')]);
    expectExit(finished, 1);
    expect(finished.stdout).toContain(`E ${join(folder, 'parts/b.yaml')}:7:15 `);
  });

  test('colours are for terminals', async () => {
    await seal();
    await edit((text) => text.replace('  me:', `  lab: ${key('lab')}\n  me:`));
    const args = ['lint', '--config', path()];
    expect((await hikyaku(args)).stdout).not.toContain('\u001B[');
    expect((await hikyaku(args, { env: { FORCE_COLOR: '1' } })).stdout).toContain('\u001B[31mE\u001B[39m');
  });
});

describe('lint --against', () => {
  beforeEach(async () => {
    await seal();
    git('init', '--quiet');
    git('add', '.');
    git('commit', '--quiet', '--message', 'x');
  });

  function git(...args: readonly string[]): void {
    const person = ['-c', 'user.name=Ann', '-c', 'user.email=ann@example.com', '-c', 'commit.gpgSign=false'];
    execFileSync('git', ['-C', folder, ...person, ...args], { stdio: 'pipe' });
  }

  /** `! kind what` for what lets somebody do more, `· kind what` for the rest. */
  async function changes(): Promise<readonly string[]> {
    const { stdout } = await run(['lint', '--against', 'HEAD', '--json']);
    const list = field(JSON.parse(stdout), 'changes');
    if (!Array.isArray(list)) throw new Error(stdout);
    return list.map(
      (change) =>
        `${field(change, 'more') === true ? '!' : '·'} ${String(field(change, 'kind'))} ${String(field(change, 'what'))}`,
    );
  }

  test('tells nothing where nothing changed, whatever else did', async () => {
    await edit((text) => `${text}# a comment\n`);
    expect(await changes()).toEqual([]);
    const { stdout, exitCode } = await run(['lint', '--against', 'HEAD', '--exit-code']);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('recipients, credentials and where they are sent are as at HEAD\n');
  });

  test('an added recipient, and then what he can open', async () => {
    await edit((text) => text.replace('  me:', `  lab: ${key('lab')}\n  me:`));
    expect(await changes()).toEqual([expect.stringContaining(`! recipient lab is new: ${key('lab')} (`)]);
    await rewrap();
    expect(await changes()).toEqual([
      expect.stringContaining('! recipient lab is new'),
      expect.stringMatching(/^· credential providers\.doppler\.token is sealed anew/),
      expect.stringMatching(/^! credential providers\.doppler\.token can be opened by lab \([0-9a-f]{24}\) too$/),
    ]);
    expectExit(await run(['lint', '--against', 'HEAD', '--exit-code']), 3);
    expectExit(await run(['lint', '--against', 'HEAD']), 0);
  });

  test('a changed key, a replaced credential, another destination, an exception and another place to keep it', async () => {
    await edit((text) => text.replace(key('cabin'), key('later')));
    expect(await changes()).toEqual([
      expect.stringContaining(`! recipient cabin has a new key: ${key('later')}`),
      expect.stringContaining(`· recipient cabin lost a key: ${key('cabin')}`),
    ]);
    git('checkout', '--quiet', '.');
    await seal();
    expect(await changes()).toEqual([expect.stringMatching(/^! credential providers\.doppler\.token is replaced/)]);
    git('checkout', '--quiet', '.');
    await edit((text) => text.replace('type: doppler', 'type: doppler\n    url: https://doppler.example'));
    expect(await changes()).toEqual([
      '! destination providers.doppler.token is sent to https://doppler.example and was sent to https://api.doppler.com',
    ]);
    git('checkout', '--quiet', '.');
    await edit((text) => text.replace('      sealed:', '      unbound: true\n      sealed:'));
    expect(await changes()).toEqual(['! credential providers.doppler.token may be unbound now']);
    await write(config());
    expect(await changes()).toEqual([
      '! credential providers.doppler.token is the environment variable UNUSED and was sealed',
    ]);
  });

  test('another account that a service knows by itself', async () => {
    const sakura = (id: string): string =>
      `providers:\n  cloud: { type: sakura, vault: "113600000000", servicePrincipal: { id: "${id}", kid: 9f } }\nsecrets: []\n`;
    await write(sakura('1128'));
    git('commit', '--quiet', '--all', '--message', 'sakura');
    await write(sakura('1129'));
    expect(await changes()).toEqual([
      '! credential providers.cloud.servicePrincipal is the service principal 1129 and was the service principal 1128',
    ]);
  });

  test('the clusters of an entry', async () => {
    await edit((text) => text.replace('from: doppler', 'from: doppler, clusters: [home]'));
    expect(await changes()).toEqual(['· clusters Secret web/app goes no more to all clusters, cabin']);
    git('commit', '--quiet', '--all', '--message', 'x');
    await edit((text) => text.replace('clusters: [home]', 'clusters: [home, cabin]'));
    expect(await changes()).toEqual(['! clusters Secret web/app goes to cabin too']);
    await edit((text) => text.replace(', clusters: [home, cabin]', ''));
    expect(await changes()).toEqual(['! clusters Secret web/app goes to all clusters, cabin too']);
  });
});
