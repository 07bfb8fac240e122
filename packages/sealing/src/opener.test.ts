import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { SecretValue } from '@hikyaku/core';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { bindingOf } from './binding.ts';
import { generateIdentity, parseIdentities } from './identities.ts';
import { Opener } from './opener.ts';
import { seal } from './seal.ts';
import { readHeader } from './sealed-header.ts';
import { SealedError } from './sealed-error.ts';

const { signal } = new AbortController();
const opener = new Opener();
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'opener-'));
});
afterAll(() => rm(folder, { recursive: true }));

let programs = 0;

/** An Opener whose process runs other code. */
async function openerOf(code: string, timeoutMs = 20_000): Promise<Opener> {
  const path = join(folder, `program-${(programs += 1)}.mjs`);
  await writeFile(path, code);
  return new Opener({ entry: pathToFileURL(path), timeoutMs });
}

async function sealFor(recipient: string, text: string): Promise<string> {
  const binding = bindingOf('doppler', 'token', ['https://api.doppler.com']);
  return seal(SecretValue.of(text), { recipients: new Map([['home', [recipient]]]), binding, now: 0 });
}

test('each text has its own answer, a value or what is wrong with it', async () => {
  const { file, recipient } = await opener.generate({ signal });
  const other = await generateIdentity();
  const good = await sealFor(recipient, 'token');
  const texts = [good, await sealFor(other.recipient, 'theirs'), good.slice(0, 300)];
  const [opened, foreign, damaged] = await opener.open(texts, parseIdentities(file), { signal });
  if (opened === undefined || opened instanceof SealedError) throw new Error('it must open');
  expect(opened.value.text()).toBe('token');
  expect(opened.header).toEqual(await readHeader(good));
  expect(foreign).toMatchObject({ code: 'NOT_FOR_THIS_KEY', message: expect.stringContaining('my key is') });
  expect(damaged).toMatchObject({ code: 'DAMAGED' });
  expect(damaged).toBeInstanceOf(SealedError);
});

test('a value of any bytes, and one of a file without a binding, pass whole', async () => {
  const { file, recipient } = await generateIdentity();
  const { Encrypter } = await import('age-encryption');
  const { encodeArmor } = await import('./armor.ts');
  const encrypter = new Encrypter();
  encrypter.addRecipient(recipient);
  const bytes = Uint8Array.from({ length: 300_000 }, (_, index) => index % 251);
  const [opened] = await opener.open([encodeArmor(await encrypter.encrypt(bytes))], parseIdentities(file), { signal });
  if (opened === undefined || opened instanceof SealedError) throw new Error('it must open');
  expect(opened.value.equals(SecretValue.of(bytes))).toBe(true);
  expect(opened.header).toEqual({ recipients: new Map(), seen: new Map() });
});

test('public keys come in the order of the private ones; one that is none is an error', async () => {
  const keys = await Promise.all([generateIdentity(), generateIdentity()]);
  const identities = keys.flatMap(({ file }) => parseIdentities(file));
  expect(await opener.recipientsOf(identities, { signal })).toEqual(keys.map(({ recipient }) => recipient));
  await expect(opener.recipientsOf([...identities, 'x'], { signal })).rejects.toMatchObject({ code: 'INVALID_KEY' });
  expect(await opener.open([], identities, { signal })).toEqual([]);
});

test('ten calls at once each get their own', async () => {
  const keys = await Promise.all(Array.from({ length: 10 }, generateIdentity));
  const results = await Promise.all(
    keys.map(async ({ file, recipient }, index) =>
      opener.open([await sealFor(recipient, `token ${index}`)], parseIdentities(file), { signal }),
    ),
  );
  const values = results.map(([opened]) => (opened instanceof SealedError ? undefined : opened?.value.text()));
  expect(values).toEqual(keys.map((_, index) => `token ${index}`));
});

test('there is one process at a time', async () => {
  const lock = JSON.stringify(join(folder, 'lock'));
  const alone = await openerOf(`
    import { mkdirSync, rmdirSync } from 'node:fs';
    mkdirSync(${lock});
    setTimeout(() => { rmdirSync(${lock}); console.log('[{"file":"f","recipient":"r"}]'); }, 100);`);
  expect(await Promise.all(Array.from({ length: 4 }, () => alone.generate({ signal })))).toHaveLength(4);
});

test('what is asked stands neither in the arguments nor in the environment, and nothing of ours does', async () => {
  vi.stubEnv('DOPPLER_TOKEN', 'dp.st.s3cr3t');
  // This process started without it; the other one could not start with it.
  vi.stubEnv('NODE_OPTIONS', '--max-old-space-size=1 --require=/does/not/exist.cjs');
  try {
    const teller = await openerOf(`
      const { argv, execArgv, env } = process;
      console.log(JSON.stringify([{ recipient: JSON.stringify({ argv: argv.slice(2), execArgv, env }) }]));`);
    expect(JSON.parse((await teller.recipientsOf(['AGE-SECRET-KEY-1X'], { signal }))[0] ?? '')).toEqual({
      argv: [],
      execArgv: ['--disable-sigusr1'],
      env: {},
    });
    expect((await opener.generate({ signal })).recipient).toMatch(/^age1/);
  } finally {
    vi.unstubAllEnvs();
  }
});

const ANSWER = `'[{"file":"f","recipient":"r"}]'`;

test.each([
  ['dies at once', `process.exit(3);`, /ended with exit code 3/],
  ['is killed', `process.kill(process.pid, 'SIGKILL');`, /ended with SIGKILL/],
  [
    'answers and is killed',
    `console.log(${ANSWER}); setTimeout(() => process.kill(process.pid, 'SIGTERM'), 50);`,
    /ended with SIGTERM/,
  ],
  ['throws', `console.log(${ANSWER}); console.error('s3cr3t'); throw new Error('s3cr3t');`, /ended with exit code 1$/],
  ['is missing a part', `import './missing.js';`, /ended with exit code 1/],
  ['says nothing', ``, /answered something else/],
  ['says half', `process.stdout.write(${ANSWER}.slice(0, 15));`, /answered something else/],
  ['says more', `console.log(${ANSWER}, 's3cr3t');`, /answered something else/],
  ['says two', `console.log('[{},{}]');`, /answered something else/],
  ['says another thing', `console.log('[{"value":"s3cr3t"}]');`, /answered something else/],
  ['says another kind', `console.log('[{"file":1,"recipient":{}}]');`, /answered something else/],
  ['says null', `console.log('null');`, /answered something else/],
  ['does not read', `process.stdin.destroy(); console.log('x');`, /answered something else/],
])('a process that %s is an error, without what it said', async (_title, code, message) => {
  const error: unknown = await (await openerOf(code)).generate({ signal }).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ message: expect.stringMatching(message) });
  expect(String(error)).not.toContain('s3cr3t');
});

test.each([
  ['that is no base64', '[{"value":"s3cr3t!"}]'],
  ['with a binding that cannot be', '[{"value":"dG9rZW4=","bind":"{}"}]'],
  ['without one', '[{"bind":"{}"}]'],
])('a value %s is an error', async (_title, answer) => {
  const liar = await openerOf(`console.log(${JSON.stringify(answer)});`);
  await expect(liar.open(['x'], [], { signal })).rejects.toThrow(/^((?!s3cr3t).)*$/);
});

test('a process without end, in time or in words, is ended', async () => {
  const slow = await openerOf(`setInterval(() => {}, 1000);`, 300);
  await expect(slow.generate({ signal })).rejects.toThrow(
    'the process that works with keys did not answer within 0.3 s',
  );
  const talker = await openerOf(`const more = () => process.stdout.write('x'.repeat(1e6), more); more();`);
  await expect(talker.generate({ signal })).rejects.toThrow(/answered without end/);
  // One that hung does not stand in the way of the next.
  await expect(slow.generate({ signal })).rejects.toThrow(/did not answer/);
});

test('an abort ends the process, and whoever waits for it', async () => {
  const path = join(folder, 'pid');
  const slow = await openerOf(`
    import { writeFileSync } from 'node:fs';
    writeFileSync(${JSON.stringify(path)}, String(process.pid));
    setInterval(() => {}, 1000);`);
  const [first, second] = [new AbortController(), new AbortController()];
  const running = slow.generate({ signal: first.signal }).catch((reason: unknown) => reason);
  const waiting = slow.generate({ signal: second.signal }).catch((reason: unknown) => reason);
  const pid = await vi.waitFor(async () => {
    const text = await readFile(path, 'utf8');
    if (text === '') throw new Error('not written yet');
    return Number(text);
  }, 10_000);
  second.abort(new Error('enough of waiting'));
  expect(await waiting).toMatchObject({ message: 'enough of waiting' });
  first.abort(new Error('enough'));
  expect(await running).toMatchObject({ message: 'enough' });
  expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
  await expect(slow.generate({ signal: AbortSignal.abort(new Error('before')) })).rejects.toThrow('before');
});
