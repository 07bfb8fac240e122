import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const EXAMPLE_DIRECTORY = fileURLToPath(new URL('../../../../examples/protocol-server', import.meta.url));

/** A first build compiles Go's standard library. */
export const BUILD_TIMEOUT_MS = 300_000;

export interface ExampleServer extends AsyncDisposable {
  readonly url: string;
  readonly token: string;
  /** What is in its file now. */
  readonly values: () => Promise<Readonly<Record<string, string>>>;
}

export interface ExampleBuild extends AsyncDisposable {
  /** Starts it with these values. */
  readonly start: (
    values: Readonly<Record<string, string>>,
    notices?: { readonly url: string; readonly secret: string },
  ) => Promise<ExampleServer>;
  /** Starts it with this text as its file, or without a file, and waits for its end. */
  readonly fail: (file: string | undefined) => Promise<{ readonly code: number; readonly stderr: string }>;
}

/** Builds the example server once, into a temporary directory. */
export async function buildExample(): Promise<ExampleBuild> {
  const directory = await mkdtemp(join(tmpdir(), 'hikyaku-protocol-server-'));
  const binary = join(directory, 'protocol-server');
  await promisify(execFile)('go', ['build', '-buildvcs=false', '-o', binary, '.'], { cwd: EXAMPLE_DIRECTORY });
  let files = 0;

  async function start(
    values: Readonly<Record<string, string>>,
    notices?: { readonly url: string; readonly secret: string },
  ): Promise<ExampleServer> {
    const file = join(directory, `secrets-${++files}.json`);
    const encoded = Object.entries(values).map(([name, value]) => [name, Buffer.from(value).toString('base64')]);
    await writeFile(file, JSON.stringify(Object.fromEntries(encoded)));
    const token = `token-${files}-of-the-example`;
    const child = spawn(
      binary,
      ['--listen', '127.0.0.1:0', '--file', file, ...(notices === undefined ? [] : ['--notice-url', notices.url])],
      {
        env: { HIKYAKU_TOKEN: token, ...(notices !== undefined && { NOTICE_SECRET: notices.secret }) },
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    );
    const ended = once(child, 'exit');
    const [line] = await Promise.race([once(createInterface(child.stdout), 'line'), ended]);
    const url = /^listening on (\S+)$/.exec(String(line))?.[1];
    if (url === undefined) throw new Error(`the example server did not start: ${line}`);
    return {
      url,
      token,
      async values() {
        const stored: Record<string, string> = JSON.parse(await readFile(file, 'utf8'));
        return Object.fromEntries(
          Object.entries(stored).map(([name, value]) => [name, Buffer.from(value, 'base64').toString()]),
        );
      },
      async [Symbol.asyncDispose]() {
        child.kill();
        await ended;
      },
    };
  }

  return {
    start,
    async fail(text) {
      const file = join(directory, `secrets-${++files}.json`);
      if (text !== undefined) await writeFile(file, text);
      const child = spawn(binary, ['--listen', '127.0.0.1:0', '--file', file], {
        env: { HIKYAKU_TOKEN: 'x' },
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let stderr = '';
      child.stderr.setEncoding('utf8').on('data', (piece: string) => (stderr += piece));
      const [code] = await once(child, 'close');
      return { code: Number(code), stderr };
    },
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
  };
}
