import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const dist = new URL('../dist/', import.meta.url);

interface Output {
  readonly entryPoint?: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly imports: readonly { readonly path: string; readonly kind: string; readonly external?: boolean }[];
}

test('the agent starts without the library that opens sealed values', async () => {
  const { outputs }: { readonly outputs: Readonly<Record<string, Output>> } = JSON.parse(
    await readFile(new URL('meta.json', dist), 'utf8'),
  );
  const [main = ''] = Object.keys(outputs).filter((path) => outputs[path]?.entryPoint === 'src/main.ts');
  const read = new Set([main]);
  for (const path of read)
    for (const { path: next, kind, external } of outputs[path]?.imports ?? [])
      if (kind !== 'dynamic-import' && external !== true) read.add(next);
  const withLibrary = Object.entries(outputs)
    .filter(([, { inputs }]) =>
      Object.keys(inputs).some((input) => /node_modules\/(age-encryption|@noble|@scure)\//.test(input)),
    )
    .map(([path]) => path);
  expect(withLibrary).not.toEqual([]);
  expect(withLibrary.filter((path) => read.has(path))).toEqual([]);
});

test('the process of the bundle makes a key and ends', async () => {
  const running = promisify(execFile)(process.execPath, [fileURLToPath(new URL('opener.js', dist))], { env: {} });
  running.child.stdin?.end('{"do":"generate"}');
  const { stdout, stderr } = await running;
  expect(JSON.parse(stdout)).toEqual([
    { file: expect.stringContaining('AGE-SECRET-KEY-1'), recipient: expect.stringMatching(/^age1[a-z0-9]{58}$/) },
  ]);
  expect(stderr).toBe('');
});
