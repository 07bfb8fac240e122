import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const bundle = fileURLToPath(new URL('../../../apps/agent/dist/hikyaku.js', import.meta.url));

/** Whether this machine has `script` of util-linux, which makes pseudo-terminals. */
export const hasTerminals =
  spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout?.includes('util-linux') ?? false;

interface Typed {
  /** Once this has appeared since the last one, or once this holds. */
  readonly after: string | (() => boolean);
  readonly keys: string;
  /** Called before the keys are pressed. */
  readonly look?: () => Promise<void>;
}

export interface TerminalOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** What a person types, one after the other. */
  readonly types?: readonly Typed[];
}

export interface TerminalSession {
  readonly exitCode: number;
  /** Everything on the screen, stdout and stderr together, with its control characters. */
  readonly screen: string;
}

/** Runs the built agent in a pseudo-terminal. */
export async function hikyakuInTerminal(
  args: readonly string[],
  options: TerminalOptions = {},
): Promise<TerminalSession> {
  return await runInTerminal([process.execPath, bundle, ...args].map(quoted).join(' '), options);
}

/** Runs one command of a shell in a pseudo-terminal. */
export async function runInTerminal(
  command: string,
  { env = {}, cwd, types = [] }: TerminalOptions = {},
): Promise<TerminalSession> {
  // A new pseudo-terminal has no size.
  const line = `stty cols 200 rows 50; exec ${command}`;
  const { PATH, HOME } = process.env;
  const child = spawn('script', ['--quiet', '--return', '--flush', '--command', line, '/dev/null'], {
    cwd,
    env: { PATH, HOME, TERM: 'xterm-256color', ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let screen = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    screen += text;
  });
  const closed = once(child, 'close');
  let seen = 0;
  for (const { after, keys, look } of types) {
    const end = Date.now() + 60_000;
    while (typeof after === 'string' ? !screen.includes(after, seen) : !after()) {
      if (Date.now() > end || child.exitCode !== null) {
        child.kill();
        throw new Error(`«${String(after)}» did not come to pass; the screen:\n${screen}`);
      }
      await sleep(20);
    }
    seen = typeof after === 'string' ? screen.indexOf(after, seen) + after.length : screen.length;
    await look?.();
    child.stdin.write(keys);
  }
  const [exitCode] = (await closed) as [number | null];
  return { exitCode: exitCode ?? 1, screen };
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
