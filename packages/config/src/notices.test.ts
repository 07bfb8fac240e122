import { defineProvider } from '@hikyaku/core';
import type { Provider } from '@hikyaku/core';
import { expect, test } from 'vitest';
import * as z from 'zod';
import type { SourceConfig } from './config.ts';
import { knownFrom } from './example-providers.test.kit.ts';
import { jsonSchema } from './json-schema.ts';
import { parseConfig } from './parse-config.ts';
import { formatProblems } from './problem.ts';

/** It asks for what every source keeps for the agent. */
const greedy = defineProvider({
  type: 'greedy',
  config: z.strictObject({}),
  credentials: [{ path: 'token' }, { path: 'notices.secret', default: { env: 'ITS_OWN' } }],
  describe: () => ({ identity: 'greedy', origins: [] }),
  connect() {
    throw new Error('a config never connects');
  },
});

const providers = knownFrom(new Map([['greedy', greedy as Provider]]));
const ARMOR = '-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n-----END AGE ENCRYPTED FILE-----\n';

async function read(words: string): Promise<SourceConfig | readonly string[]> {
  const text = `secrets: []\nrecipients: { home: age1${'q'.repeat(58)} }\nproviders:\n  a: { type: greedy, ${words} }\n`;
  const result = await parseConfig([{ path: '/etc/f', text }], { providers });
  if (!result.ok) return formatProblems(result.problems).split('\n');
  return result.config.sources.get('a') ?? [];
}

test('the secret of notices is a credential in any form, and may be two while it is replaced', async () => {
  const source = await read(
    `notices: { secret: { file: hook }, next: { perCluster: { home: { sealed: ${JSON.stringify(ARMOR)} } } }, header: X-Hub-Signature-256 }`,
  );
  expect(source).toMatchObject({ notices: { header: 'x-hub-signature-256' } });
  expect('credentials' in source && [...source.credentials]).toEqual([
    ['notices.secret', { file: '/etc/hook' }],
    ['notices.next', { perCluster: new Map([['home', expect.objectContaining({ text: ARMOR })]]) }],
  ]);
});

test('a source without the word takes no notices, whatever its provider asks for', async () => {
  const source = await read('token: { env: A }');
  expect(source).not.toHaveProperty('notices');
  expect('credentials' in source && [...source.credentials.keys()]).toEqual(['token']);
});

test.each([
  ['no secret', 'notices: {}', 'providers.a.notices.secret: `secret` is missing; such as `secret: { env: NAME }`'],
  ['nothing', 'notices:', '`notices` must be a mapping, got nothing'],
  ['a literal', 'notices: { secret: abc }', '`secret`: a credential does not belong in the file'],
  [
    'a token',
    'notices: { secret: { serviceAccountToken: {} } }',
    '`secret` is known to both sides, and a token is not',
  ],
  ['a mistyped word', 'notices: { secert: { env: A } }', 'unknown key `secert`; did you mean `secret`?'],
  ['no header', 'notices: { secret: { env: A }, header: "X: y" }', '`header` must be the name of a header'],
])('%s is a problem', async (_, words, expected) => {
  const problems = await read(words);
  expect(problems).toContainEqual(expect.stringContaining(expected));
});

test('editors know the word', () => {
  const text = JSON.stringify(jsonSchema(new Map([['greedy', greedy as Provider]])));
  expect(text).toContain('webhooks that come to `hikyaku run --receiver`');
});
