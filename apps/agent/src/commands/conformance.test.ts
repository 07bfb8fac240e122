import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { listen } from '@hikyaku/provider-utils/testing';
import { startFakeProtocol } from '@hikyaku/provider-webhook/testing';
import type { FakeProtocol } from '@hikyaku/provider-webhook/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runCommandLine } from '../cli.ts';
import { UserError } from '../user-error.ts';

const TOKEN = 'the-right-token';
const VALUE = 'correct-horse-battery';
let fake: FakeProtocol;

beforeEach(async () => {
  fake = await startFakeProtocol({ token: TOKEN, secrets: { PASSWORD: VALUE } });
});
afterEach(() => fake.close());

async function run(args: readonly string[], env: Readonly<Record<string, string>> = { HIKYAKU_PROTOCOL_TOKEN: TOKEN }) {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const { signal } = new AbortController();
  const code = await runCommandLine(['conformance', ...args], { env, stdin, stdout, stderr, signal });
  stdout.end();
  return { code, printed: await text(stdout) };
}

test('a service that keeps to the protocol passes, and nothing of it is changed', async () => {
  const { code, printed } = await run([fake.url]);
  expect(printed).toMatch(/^✓ reading: a secret is read by its name$/m);
  expect(printed).toMatch(/^ +\d+ {2}writes were not allowed \(.*write.*\)$/m);
  expect(printed).toMatch(/^\d+ passed, 0 failed, \d+ not checked$/m);
  expect(printed).not.toContain(VALUE);
  expect(code).toBe(0);
  expect(fake.requests.map(({ path }) => path)).not.toContain('/v1/write');
}, 20_000);

test('with --write, writes are checked, and only what was there is there afterwards', async () => {
  const { code, printed } = await run([fake.url, '--write']);
  expect(printed).toMatch(/^✓ writing: a new secret is made, and read$/m);
  expect(printed).toMatch(/ 0 failed,/);
  expect(code).toBe(0);
  expect(fake.names()).toEqual(['PASSWORD']);
  expect(Buffer.from(fake.valueOf('PASSWORD') ?? []).toString()).toBe(VALUE);
}, 40_000);

test('a service that does not is told what is wrong, and the command fails', async () => {
  let version = 0;
  await using server = await listen((request, response) => {
    const secrets = [{ name: 'PASSWORD', version: `${++version}`, valueBase64: Buffer.from(VALUE).toString('base64') }];
    const description = { protocol: 'hikyaku', version: 1, offers: [] };
    response.end(JSON.stringify(request.method === 'POST' ? { complete: true, secrets } : description));
  });
  const { code, printed } = await run([server.url], {});
  expect(printed).toContain(`✗ unchanged: a second read by name returns the previous snapshot itself
    another snapshot, though nothing has changed
      expected: the very object`);
  expect(printed).toMatch(/^\d+ passed, [1-9]\d* failed, \d+ not checked$/m);
  expect(printed).toContain('docs/protocol.md');
  expect(printed).not.toContain(VALUE);
  expect(code).toBe(1);
}, 20_000);

test('--json has the counts and every check with its outcome', async () => {
  const { code, printed } = await run([fake.url, '--json', '--present', 'PASSWORD', '--token-env', 'TOKEN'], {
    TOKEN,
  });
  const document: unknown = JSON.parse(printed);
  expect(document).toMatchObject({
    url: fake.url,
    failed: 0,
    checks: expect.arrayContaining([
      { title: 'reading: a secret is read by its name', outcome: 'passed' },
      { title: 'faults: silence is UNAVAILABLE', outcome: 'not checked', reason: expect.any(String) },
    ]),
  });
  expect(code).toBe(0);
}, 20_000);

test('a token that is missing or wrong is said, with the variable to set, and nothing is checked', async () => {
  await expect(run([fake.url], {})).rejects.toMatchObject({
    exitCode: 2,
    message: `${fake.url} wants a token: put it into the environment variable HIKYAKU_PROTOCOL_TOKEN, or name another one by --token-env`,
  });
  await expect(run([fake.url, '--token-env', 'NAS'], { NAS: 'another-token' })).rejects.toMatchObject({
    code: 'UNAUTHENTICATED',
    message: `${fake.url} refuses the token in the environment variable NAS`,
  });
});

test.each([
  ['an address in the clear', ['http://nas.lan'], 'must be https'],
  ['no address', ['nas'], 'nas: '],
  ['a CA file that is not there', ['https://nas.lan', '--ca', '/nowhere/ca.pem'], 'the CA file /nowhere/ca.pem'],
])('%s is wrong usage', async (_, args, message) => {
  const failed = run(args);
  await expect(failed).rejects.toBeInstanceOf(UserError);
  await expect(failed).rejects.toMatchObject({ exitCode: 2, message: expect.stringContaining(message) });
});

test('a secret that is not there cannot be the one to read', async () => {
  await expect(run([fake.url, '--present', 'NOBODY'])).rejects.toThrow("gives no value for 'NOBODY'");
});
