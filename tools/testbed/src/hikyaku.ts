import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/** The built agent, as a user runs it. */
const bundle = fileURLToPath(new URL('../../../apps/agent/dist/hikyaku.js', import.meta.url));

/** The V8 flags that the install files set. */
export const V8_FLAGS = ['--max-semi-space-size=1', '--max-old-space-size=48'] as const;

/** The environment that they set besides. */
export const POD_ENV = { MALLOC_ARENA_MAX: '2' } as const;

export interface HikyakuOptions {
  /** Besides PATH and HOME. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  readonly nodeFlags?: readonly string[];
  /** Another build: the path of its hikyaku.js. */
  readonly build?: string;
  /** What it reads on standard input; nothing by default. */
  readonly input?: string | Uint8Array;
}

export interface Finished {
  /** Of the shell's kind: 128 + number for a signal. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly seconds: number;
  /** The most memory it held, MiB; 0 where the machine does not tell. */
  readonly peakMiB: number;
}

/** Runs a command to its end. */
export async function hikyaku(args: readonly string[], options: HikyakuOptions = {}): Promise<Finished> {
  const running = startHikyaku(args, options);
  return await running.finished;
}

/** Else an error with all that it wrote. */
export function expectExit({ exitCode, stdout, stderr }: Finished, wanted: number): void {
  if (exitCode !== wanted) throw new Error(`exit code ${exitCode} and not ${wanted}; it wrote:\n${stdout}${stderr}`);
}

/** A running agent. */
export class Running {
  readonly process: ChildProcess;
  readonly finished: Promise<Finished>;
  stdout = '';
  stderr = '';
  #peakMiB = 0;
  readonly #waiting = new Set<() => void>();

  constructor(process: ChildProcess) {
    this.process = process;
    const started = performance.now();
    process.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
      for (const look of this.#waiting) look();
    });
    process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    const sample = setInterval(() => void this.#samplePeak(), 20);
    this.finished = once(process, 'close').then(([code, signal]: unknown[]) => {
      clearInterval(sample);
      for (const look of this.#waiting) look();
      const exitCode = typeof code === 'number' ? code : 128 + (signal === 'SIGKILL' ? 9 : 15);
      return {
        exitCode,
        stdout: this.stdout,
        stderr: this.stderr,
        seconds: (performance.now() - started) / 1000,
        peakMiB: this.#peakMiB,
      };
    });
  }

  /** Everything it has written. */
  get output(): string {
    return this.stdout + this.stderr;
  }

  /** The log lines so far that are JSON. */
  get log(): readonly Readonly<Record<string, unknown>>[] {
    return this.stdout.split('\n').flatMap((line) => {
      try {
        const parsed: unknown = JSON.parse(line);
        return typeof parsed === 'object' && parsed !== null ? [{ ...parsed }] : [];
      } catch {
        return [];
      }
    });
  }

  /** The first log line, from the `from`-th on, that has all these fields; throws when none comes in time. */
  async logged(
    fields: Readonly<Record<string, unknown>>,
    { from = 0, timeoutMs = 30_000 } = {},
  ): Promise<Readonly<Record<string, unknown>>> {
    const find = () =>
      this.log.slice(from).find((line) => Object.entries(fields).every(([name, value]) => line[name] === value));
    const ended = await new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => done(true), timeoutMs);
      const look = () => {
        if (find() !== undefined) done(false);
        else if (this.process.exitCode !== null || this.process.signalCode !== null) done(true);
      };
      const done = (late: boolean) => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve(late);
      };
      this.#waiting.add(look);
      look();
    });
    const line = find();
    if (ended && line === undefined)
      throw new Error(`not logged: ${JSON.stringify(fields)}; it wrote:\n${this.output.slice(-4_000)}`);
    return line ?? {};
  }

  /** The last that was logged of a Secret's state, by `namespace/name`. */
  lastWord(secret: string): Readonly<Record<string, unknown>> | undefined {
    const words = ['not synced', 'recovered', 'applied'];
    return this.log.findLast((line) => line['secret'] === secret && words.includes(String(line['msg'])));
  }

  /** Resident memory now, MiB. */
  async residentMiB(): Promise<number> {
    return await this.#status('VmRSS');
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Finished> {
    this.process.kill(signal);
    return await this.finished;
  }

  async #samplePeak(): Promise<void> {
    this.#peakMiB = Math.max(this.#peakMiB, await this.#status('VmHWM'));
  }

  async #status(field: 'VmRSS' | 'VmHWM'): Promise<number> {
    const text = await readFile(`/proc/${this.process.pid}/status`, 'utf8').catch(() => '');
    return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) / 1024;
  }
}

/** Starts a command and lets it run. */
export function startHikyaku(
  args: readonly string[],
  { env = {}, cwd, nodeFlags = [], build = bundle, input }: HikyakuOptions = {},
): Running {
  const { PATH, HOME } = process.env;
  const child = spawn(process.execPath, [...nodeFlags, build, ...args], {
    cwd,
    env: { PATH, HOME, ...env },
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  // A command that has no use for it may have ended before it could be written.
  child.stdin?.on('error', () => {}).end(input);
  return new Running(child);
}
