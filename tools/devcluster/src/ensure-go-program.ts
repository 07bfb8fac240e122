import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { startBuildProgress } from './build-progress.ts';
import { exists } from './exists.ts';
import { withFileLock } from './file-lock.ts';

export interface GoProgram {
  /** Begins the name of the file that is built. */
  readonly name: string;
  /** What it is, in messages: `the dev cluster`. */
  readonly title: string;
  /** The folder of its module, whose go.sum is complete. */
  readonly directory: string;
  /** The package that is built: of the module, or of one that it requires. Default: the module's own. */
  readonly package?: string;
  /** For the linker. Default: `-s -w`, which leaves out what only debuggers read. */
  readonly linkerFlags?: string;
  /** How long a build takes, in messages. */
  readonly duration: string;
  /** What to do where there is no Go. */
  readonly missingGo: string;
}

export interface EnsureBinaryOptions {
  /** Default: `process.env`. */
  readonly environment?: Readonly<NodeJS.ProcessEnv>;
  /** Takes progress, a line at a time. Default: standard error, in a terminal as one line that changes. */
  readonly log?: ((line: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The path of a program, built when this version of its module and of Go has not been built yet. Processes that ask at the same
 * time build once.
 */
export async function ensureGoProgram(
  program: GoProgram,
  { environment = process.env, log, signal }: EnsureBinaryOptions = {},
): Promise<string> {
  if (!(await isOnPath('go', environment))) throw new Error(program.missingGo);
  const flags = [
    // Named here because a user's GOFLAGS may say otherwise; go.sum is complete.
    '-mod=readonly',
    '-buildvcs=false',
    '-trimpath',
    `-ldflags=${program.linkerFlags ?? '-s -w'}`,
  ];
  const cache = join(environment['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'hikyaku');
  const { directory } = program;
  const hash = await versionHash({ directory, environment, signal }, flags);
  const binary = join(cache, `${program.name}-${hash}`);
  if (await exists(binary)) return binary;

  await mkdir(cache, { recursive: true });
  await withFileLock(
    `${binary}.lock`,
    {
      onWait: () =>
        (log ?? logToStderr)(`waiting for another process that is building ${program.title} (${program.duration})`),
      signal,
    },
    async () => {
      // Another process may have built it while this one waited.
      if (!(await exists(binary))) await build({ program, binary, flags, environment, log, signal });
    },
  );
  return binary;
}

async function versionHash(go: GoCommand, flags: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  const names = (await readdir(go.directory, { recursive: true }))
    .filter((name) => /\.go$|^go\.(mod|sum)$/.test(name))
    .toSorted();
  for (const name of names) {
    const content = await readFile(join(go.directory, name));
    hash.update(`${name} ${content.length}\n`).update(content);
  }
  hash.update(flags.join('\n')).update(await runGo(['version'], go));
  return hash.digest('hex').slice(0, 16);
}

interface Build extends EnsureBinaryOptions {
  readonly program: GoProgram;
  readonly binary: string;
  readonly flags: readonly string[];
  readonly environment: Readonly<NodeJS.ProcessEnv>;
}

async function build({ program, binary, flags, environment, log, signal }: Build): Promise<void> {
  const { title, duration, directory, package: source = '.' } = program;
  const temporary = `${binary}.${process.pid}.tmp`;
  const progress = startBuildProgress(
    `building ${title} from source; the first build usually takes ${duration}`,
    log === undefined ? process.stderr : { log },
  );
  try {
    await runGo(['build', '-v', ...flags, '-o', temporary, source], {
      directory,
      environment,
      signal,
      // With -v every compiled package is a line; Go's own remarks («go: downloading …») begin differently.
      onErrorLine: (line) => {
        if (!line.startsWith('go: ')) progress.countPackage();
      },
    });
    await rename(temporary, binary);
    progress.end(`built ${binary}`);
  } catch (error) {
    progress.end(`the build of ${title} failed`);
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
}

interface GoCommand {
  readonly directory: string;
  readonly environment: Readonly<NodeJS.ProcessEnv>;
  readonly signal?: AbortSignal | undefined;
  readonly onErrorLine?: (line: string) => void;
}

function runGo(
  commandArguments: readonly string[],
  { directory, environment, signal, onErrorLine }: GoCommand,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn('go', commandArguments, {
      cwd: directory,
      stdio: ['ignore', 'pipe', 'pipe'],
      // GOTOOLCHAIN stays as the user has it: with a new enough Go nothing is downloaded, and an older one may fetch what go.mod asks for.
      // A go.work in a folder above is not meant for this module.
      env: { ...environment, GOWORK: 'off', CGO_ENABLED: '0' },
      ...(signal === undefined ? {} : { signal }),
    });
    let output = '';
    const lastErrors: string[] = [];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    createInterface({ input: child.stderr }).on('line', (line) => {
      lastErrors.push(line);
      if (lastErrors.length > 20) lastErrors.shift();
      onErrorLine?.(line);
    });
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) return resolve(output);
      reject(new Error(`go ${commandArguments[0]} failed in ${directory}:\n${lastErrors.join('\n')}`));
    });
  });
}

async function isOnPath(name: string, environment: Readonly<NodeJS.ProcessEnv>): Promise<boolean> {
  const directories = (environment['PATH'] ?? '').split(delimiter).filter((directory) => directory !== '');
  const found = await Promise.all(directories.map((directory) => exists(join(directory, name))));
  return found.includes(true);
}

function logToStderr(line: string): void {
  process.stderr.write(`${line}\n`);
}
