import { type ChildProcess, spawn } from 'node:child_process';
import { open, readFile } from 'node:fs/promises';
import { basename } from 'node:path';

export interface ServerProgram {
  readonly path: string;
  /** Arguments before the component's own. */
  readonly leadingArguments: readonly string[];
  /** True when the program ends by itself once its standard input closes. */
  readonly endsWithParent: boolean;
}

export interface ServerProcessOptions {
  readonly program: ServerProgram;
  readonly programArguments: readonly string[];
  /** Output is appended to this file. */
  readonly logPath: string;
  /** How long an orderly end may take before SIGKILL. */
  readonly stopLimitMs: number;
}

/** One server program: started by {@link startServerProcess}, and ended at the latest with this process. */
export class ServerProcess {
  readonly logPath: string;
  /** Fulfilled when the program has ended, with a sentence about how. */
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  readonly #stopLimitMs: number;
  #hasEnded = false;

  constructor(child: ChildProcess, { logPath, stopLimitMs }: Pick<ServerProcessOptions, 'logPath' | 'stopLimitMs'>) {
    this.logPath = logPath;
    this.#child = child;
    this.#stopLimitMs = stopLimitMs;
    this.ended = new Promise((resolve) => {
      child.once('error', (error) => resolve(`could not be started: ${error.message}`));
      child.once('exit', (code, signal) =>
        resolve(signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`),
      );
    });
    void this.ended.then(() => (this.#hasEnded = true));
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  async stop(): Promise<void> {
    const limit = setTimeout(() => this.#child.kill('SIGKILL'), this.#stopLimitMs);
    this.#child.kill('SIGTERM');
    await this.ended;
    clearTimeout(limit);
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
  }

  /** The last lines of the log. */
  async logTail(): Promise<string> {
    const lines = (await readFile(this.logPath, 'utf8').catch(() => '')).trimEnd().split('\n').slice(-15);
    return `${basename(this.logPath)} ends with:\n${lines.map((line) => `  ${line}`).join('\n')}`;
  }
}

export async function startServerProcess(options: ServerProcessOptions): Promise<ServerProcess> {
  const { program, programArguments, logPath } = options;
  const log = await open(logPath, 'a', 0o600);
  try {
    const child = spawn(program.path, [...program.leadingArguments, ...programArguments], {
      stdio: ['pipe', log.fd, log.fd],
      // A group of its own, so that Ctrl-C in a terminal reaches this process alone, which then ends the programs in the right order.
      detached: true,
    });
    // A program that ended leaves a broken pipe, and that is no news.
    child.stdin?.on('error', () => {});
    const started = new ServerProcess(child, options);
    if (!program.endsWithParent && child.pid !== undefined) void guard(child.pid, started.ended);
    return started;
  } finally {
    await log.close();
  }
}

/** Ends a program that does not watch its standard input when this process ends, by a small process that does. */
async function guard(pid: number, ended: Promise<string>): Promise<void> {
  const child = spawn(
    '/bin/sh',
    ['-c', 'cat >/dev/null; kill -TERM "$1"; sleep 5; kill -KILL "$1"', 'guard', String(pid)],
    {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    },
  );
  child.stdin.on('error', () => {});
  await ended;
  // The whole group: the shell and its cat.
  if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
}
