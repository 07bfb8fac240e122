import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { digestOf } from './plug-in-flag.ts';

// Through the command itself, in a process of its own: plug-ins teach Node's module loader.

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hikyaku-plug-ins-'));
});
afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

const main = fileURLToPath(new URL('../main.ts', import.meta.url));

async function validate(flags: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const args = ['--conditions=@hikyaku/source', main, 'validate', ...flags];
  const child = spawn(process.execPath, args, { cwd: directory, env: { PATH: process.env['PATH'], ...env } });
  const [stdout, stderr, [exitCode]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { exitCode, stdout, stderr: stderr.replaceAll(directory, '<dir>') };
}

const IN_POD = { KUBERNETES_SERVICE_HOST: '127.0.0.1' };

async function write(name: string, content: string): Promise<string> {
  const path = join(directory, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  return path;
}

/** A config whose sources have these types, one a line from line 2 on; returns its name. */
async function config(name: string, types: readonly string[], settings = ''): Promise<string> {
  const sources = types.map((type, index) => `  s${index}: { type: ${JSON.stringify(type)}${settings} }`);
  await write(name, `providers:\n${sources.join('\n')}\nsecrets: []\n`);
  return name;
}

/** What was said of each type. */
async function problemsOf(
  types: readonly string[],
  flags: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<readonly string[]> {
  const name = await config('problems.yaml', types);
  const { exitCode, stderr } = await validate(['--config', name, ...flags], env);
  expect(exitCode).toBe(2);
  expect(stderr).not.toMatch(/^\s+at /m);
  expect(stderr).toContain(`${types.length} problem`);
  return stderr.split(/^(?=problems\.yaml:)/m).map((problem, index) => {
    expect(problem).toContain(`problems.yaml:${index + 2}:`);
    return problem.trim();
  });
}

const PLAIN = `
export default {
  type: 'plain',
  config: { '~standard': { version: 1, vendor: 'own', validate: (value) => ({ value }) } },
  describe: () => ({ identity: 'plain', origins: [] }),
  connect: () => ({ read: async () => ({ secrets: new Map() }) }),
};
`;

/** What one file from a ConfigMap may be: it brings nothing along. */
const LONE = `
import { defineProvider, readEach, SecretValue } from '@hikyaku/core';
import { sendRequest } from '@hikyaku/provider-utils';
import * as z from 'zod';

interface Room { readonly name: string }
const rooms: readonly Room[] = [{ name: 'blue' }];

export default defineProvider({
  type: 'lone',
  config: z.strictObject({ room: z.enum(rooms.map(({ name }) => name)).default('blue') }),
  credentials: [{ path: 'token', default: { env: 'ROOM_TOKEN' } }],
  describe: ({ room }) => ({ identity: room, origins: [] }),
  connect: ({ room }) => ({
    read: readEach(async () => typeof sendRequest === 'function' ? { value: SecretValue.of(room) } : undefined),
  }),
});
`;

describe('where the person’s own file is trusted', () => {
  test('a path beside the config file is loaded: TypeScript or JavaScript, one file or several', async () => {
    await write('lone.ts', LONE);
    await write('deep/lone.mts', LONE);
    await write('plain.js', PLAIN);
    await write('several.mjs', "export { default } from './deep/part.mjs';");
    await write(
      'deep/part.mjs',
      PLAIN.replace('export default', "import * as z from 'zod';\nz.string();\nexport default"),
    );
    // As a project of its own has it, for CommonJS.
    await write('package.json', '{ "type": "commonjs" }');
    const name = await config('good.yaml', ['./lone.ts', './deep/lone.mts', './plain.js', `${directory}/several.mjs`]);
    const { exitCode, stdout, stderr } = await validate(['--config', join(directory, name)]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toContain('4 sources');
    await rm(join(directory, 'package.json'));
  });

  test('a file of a mounted ConfigMap is loaded, also beside a config that is mounted so', async () => {
    await write('mounted/..2026/lone.ts', LONE);
    await write('mounted/..2026/hikyaku.yaml', 'providers: { a: { type: ./lone.ts } }\nsecrets: []\n');
    await symlink('..2026', join(directory, 'mounted/..data'));
    for (const name of ['lone.ts', 'hikyaku.yaml']) await symlink(`..data/${name}`, join(directory, 'mounted', name));
    expect(await validate(['--config', 'mounted/hikyaku.yaml'])).toMatchObject({ exitCode: 0, stderr: '' });
  });

  test('its settings are checked by its own schema, with the nearest right word', async () => {
    await write('lone.ts', LONE);
    const name = await config('settings.yaml', ['./lone.ts'], ', rom: blue, token: { env: A }');
    expect(await validate(['--config', name])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining(
        'settings.yaml:2:28 providers.s0.rom: unknown key `rom`\n    did you mean `room`?',
      ),
    });
  });

  test('an npm package beside the config file is loaded; it uses what is beside it, and else what the agent has', async () => {
    const packageJson = (name: string) => JSON.stringify({ name, type: 'module', exports: { import: './index.js' } });
    await write('node_modules/@ann/nas/package.json', packageJson('@ann/nas'));
    await write('node_modules/@ann/nas/index.js', LONE.replaceAll(/interface.*|: readonly Room\[\]/g, ''));
    await write('node_modules/rooms/package.json', packageJson('rooms'));
    await write(
      'node_modules/rooms/index.js',
      "import { answer } from 'zod';\nif (answer !== 42) throw new Error('another zod');" + PLAIN,
    );
    await write(
      'node_modules/rooms/node_modules/zod/package.json',
      '{ "name": "zod", "type": "module", "exports": "./index.js" }',
    );
    await write('node_modules/rooms/node_modules/zod/index.js', 'export const answer = 42;');
    const name = await config('packages.yaml', ['@ann/nas', 'rooms']);
    expect(await validate(['--config', name])).toMatchObject({ exitCode: 0, stderr: '' });
  });

  test('what cannot be loaded is told to its author with file and line, all of it at once, and no stack', async () => {
    const bad: Readonly<Record<string, [content: string, says: string | RegExp]>> = {
      './none.ts': ['', 'there is no file <dir>/none.ts'],
      './folder.ts/': ['', '<dir>/folder.ts is not a file'],
      './notes.txt': ['', '<dir>/notes.txt is no plug-in: its name must end in one of .ts, .mts, .js, .mjs'],
      './syntax.mjs': [
        'export default {\n  a: 1,\n  b: ,\n};',
        "the plug-in `./syntax.mjs` cannot be loaded: <dir>/syntax.mjs:3: Unexpected token ','",
      ],
      './syntax.ts': ['\nconst a: = 1;\n', '<dir>/syntax.ts:2: Unexpected token `=`'],
      './enum.ts': ['enum Room { Blue }', '<dir>/enum.ts:1: TypeScript enum is not supported in strip-only mode'],
      './package.mjs': [
        "\n\nimport x from 'not-there';\nexport default x;",
        "<dir>/package.mjs:3: Cannot find package 'not-there'",
      ],
      './part.mjs': [
        "\nimport x from './not-there.mjs';",
        "<dir>/part.mjs:2: Cannot find module '<dir>/not-there.mjs'",
      ],
      './name.mjs': [
        "import { nothing } from '@hikyaku/core';",
        "<dir>/name.mjs:1: The requested module '@hikyaku/core' does not provide an export named 'nothing'",
      ],
      './throws.mjs': [
        'function start() {\n  throw new Error("no luck\\nat all");\n}\nstart();',
        '<dir>/throws.mjs:2: no luck',
      ],
      './odd.mjs': ['throw null;', '<dir>/odd.mjs: it threw something that is not an Error'],
      './empty.mjs': [
        '',
        'the default export is not a provider: a provider is an object, best made by `defineProvider`; this is not there',
      ],
      './half.mjs': [
        'export default { type: 7, connect() {} };',
        'the default export is not a provider: `type` must be a word, this is a number; `config` must be a Standard Schema, such as `z.strictObject({ … })`; this is not there; `describe` must be a function, this is not there',
      ],
      './hostile.mjs': [
        'export default new Proxy({}, { get() { throw new Error("mine"); } });',
        '<dir>/hostile.mjs:1: mine',
      ],
    };
    await mkdir(join(directory, 'folder.ts'), { recursive: true });
    for (const [name, [content]] of Object.entries(bad)) if (!/none|folder/.test(name)) await write(name, content);
    const problems = await problemsOf(Object.keys(bad));
    Object.values(bad).forEach(([, says], index) => expect(problems[index]).toContain(says));
    expect(problems.at(11)).toContain('\n    docs/add-a-provider.md says what a provider must be');
  });

  test('answers of `config` and `describe` that make no sense are problems, without what they quote', async () => {
    await write('describe.mjs', PLAIN.replace('origins: []', "origins: ['nas.lan']"));
    await write('identity.mjs', PLAIN.replace("identity: 'plain', ", ''));
    await write('validate.mjs', PLAIN.replace('({ value })', "{ throw new TypeError('hunter2'); }"));
    await write('thrown.mjs', PLAIN.replace("({ identity: 'plain', origins: [] })", "{ throw new Error('hunter2'); }"));
    const problems = await problemsOf(['./describe.mjs', './identity.mjs', './validate.mjs', './thrown.mjs']);
    expect(problems.map((problem) => problem.replace(/^\S+ \S+ /, ''))).toEqual([
      "what `describe` of the plug-in `./describe.mjs` returns makes no sense: `origins` must be a list such as `['https://api.example.com']`, empty when it sends no request; this is a bug of the plug-in",
      'what `describe` of the plug-in `./identity.mjs` returns makes no sense: `identity` must be a text that says which data this is; this is a bug of the plug-in',
      '`config` of the plug-in `./validate.mjs` failed with an unexpected TypeError at <dir>/validate.mjs:4; this is a bug of the plug-in',
      expect.stringContaining(
        '`describe` of the plug-in `./thrown.mjs` failed with an unexpected Error at <dir>/thrown.mjs:5; this is a bug of the plug-in',
      ),
    ]);
  });

  test('a type that nobody knows says what is known and how to come by another', async () => {
    const problems = await problemsOf([
      'dopler',
      'hikyaku-provider-vault',
      'fs',
      'data:text/javascript,throw 1',
      'parts/nas.ts',
      'vault; touch x',
    ]);
    expect(problems[0]).toContain('unknown provider type `dopler`\n    did you mean `doppler`?');
    expect(problems[1]).toMatch(
      /`hikyaku-provider-vault` is neither a built-in provider nor an npm package that is installed beside .*; built-in: doppler.*\n    npm install hikyaku-provider-vault there; a path begins with/,
    );
    for (const problem of problems.slice(2)) expect(problem).toContain('is neither a built-in provider nor');
    expect(problems.at(-1)).toContain("\n    npm install 'vault; touch x' there;");
  });
});

describe('in a pod', () => {
  test('paths and packages are refused without running them, with the flag that would let them run', async () => {
    const content = `process.exit(77);${PLAIN}`;
    await write('nas.mjs', content);
    await write('node_modules/vault/package.json', '{ "name": "vault", "exports": "./index.mjs" }');
    await write('node_modules/vault/index.mjs', content);
    const [path, aPackage] = await problemsOf(['./nas.mjs', 'vault'], ['--context', 'home'], IN_POD);
    expect(path).toContain(
      '`./nas.mjs` is not loaded: in a pod only plug-ins run that are granted, or that were named when the agent was started, with their digest\n' +
        '    when <dir>/nas.mjs is what shall run, grant it in grants.yaml ' +
        `(plugins: { ./nas.mjs: { digest: ${digestOf(Buffer.from(content))} } }), or start the agent with ` +
        `--plugin ./nas.mjs=<dir>/nas.mjs@${digestOf(Buffer.from(content))}`,
    );
    expect(aPackage).toContain(
      '`vault` is neither a built-in provider nor a plug-in that is granted or was named when the agent was started',
    );
    expect(aPackage).toContain('start the agent with --plugin vault=PATH@sha256-…');
  });

  test('the digest of a file that is no module is not told', async () => {
    await write('token', 'hunter2');
    const [problem] = await problemsOf(['./token'], [], IN_POD);
    expect(problem).toContain('<dir>/token is no plug-in');
    expect(problem).not.toContain('sha256');
  });

  test('what was named with its digest runs, and gets what the agent has', async () => {
    await write('lone.ts', LONE);
    const name = await config('nas.yaml', ['nas'], ', room: blue');
    const flag = `nas=lone.ts@${digestOf(Buffer.from(LONE))}`;
    expect(await validate(['--config', name, '--plugin', flag], IN_POD)).toMatchObject({ exitCode: 0, stderr: '' });
  });

  test('a file that is not the one that was named does not run', async () => {
    const changed = `process.exit(77);${PLAIN}`;
    await write('nas.mjs', changed);
    const [problem] = await problemsOf(['nas'], ['--plugin', `nas=nas.mjs@${digestOf(Buffer.from(PLAIN))}`], IN_POD);
    expect(problem).toContain(
      'the plug-in `nas` is not loaded: <dir>/nas.mjs is not the file that was named when the agent was started',
    );
    expect(problem).toContain(`--plugin nas=<dir>/nas.mjs@${digestOf(Buffer.from(changed))}`);
  });

  test('it is one file: what else it imports is refused, whatever way', async () => {
    await write('part.mjs', 'process.exit(77);');
    const imports: Readonly<Record<string, string>> = {
      './part.mjs': "import './part.mjs';",
      '@hikyaku/core/testing': "import { FakeClock } from '@hikyaku/core/testing';",
      'data:text/javascript,process.exit(77)': "await import('data:text/javascript,process.exit(77)');",
      undici: "import { request } from 'undici';",
    };
    const flags: string[] = [];
    for (const [index, line] of Object.values(imports).entries()) {
      const content = `\n${line}${PLAIN}`;
      await write(`one${index}.mjs`, content);
      flags.push('--plugin', `one${index}=one${index}.mjs@${digestOf(Buffer.from(content))}`);
    }
    const problems = await problemsOf(['one0', 'one1', 'one2', 'one3'], flags, IN_POD);
    for (const [index, specifier] of Object.keys(imports).entries()) {
      expect(problems[index]).toContain(
        `<dir>/one${index}.mjs:2: it imports \`${specifier}\`. A plug-in that is loaded by its digest is one file: it can import`,
      );
    }
  });
});

describe('validate --no-plugins', () => {
  test('runs no code of plug-ins, and says what it did not check', async () => {
    await write('nas.mjs', 'process.exit(77);');
    const name = await config('nas.yaml', ['./nas.mjs', 'hikyaku-provider-nas'], ', what: ever');
    const { exitCode, stdout } = await validate(['--config', name, '--no-plugins'], IN_POD);
    expect(exitCode).toBe(0);
    expect(stdout).toContain(
      '2 sources, 0 Secrets\n' +
        '  not checked: the settings of s0, whose plug-in ./nas.mjs was not run\n' +
        '  not checked: the settings of s1, whose plug-in hikyaku-provider-nas was not run\n',
    );
  });

  test('checks the words that every source has, and the type for a slip of the pen', async () => {
    const name = await config('nas.yaml', ['./nas.mjs', 'dopler'], ', refresh: 5');
    const { exitCode, stderr } = await validate(['--config', name, '--no-plugins']);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('providers.s0.refresh');
    expect(stderr).toContain('unknown provider type `dopler`');
  });
});
