import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { startBuildProgress } from './build-progress.ts';
import { exists } from './exists.ts';
import { withFileLock } from './file-lock.ts';

export interface EnsureBinaryOptions {
  /** Default: `process.env`. */
  readonly environment?: Readonly<NodeJS.ProcessEnv>;
  /** Takes progress, a line at a time. Default: standard error, in a terminal as one line that changes. */
  readonly log?: ((line: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

const sourceDirectory = fileURLToPath(new URL('../go', import.meta.url));

/**
 * The path of the server binary, built when this version of the sources and of Go has not been built yet. Processes that ask at the same
 * time build once.
 */
export async function ensureDevClusterBinary({
  environment = process.env,
  log,
  signal,
}: EnsureBinaryOptions = {}): Promise<string> {
  if (!(await isOnPath('go', environment))) throw new Error(missingGo);
  const flags = await buildFlags();
  const cache = join(environment['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'hikyaku');
  const binary = join(cache, `devcluster-${await versionHash(flags, environment, signal)}`);
  if (await exists(binary)) return binary;

  await mkdir(cache, { recursive: true });
  await withFileLock(
    `${binary}.lock`,
    {
      onWait: () =>
        (log ?? logToStderr)(
          'waiting for another process that is building the dev cluster (about five minutes at most)',
        ),
      signal,
    },
    async () => {
      // Another process may have built it while this one waited.
      if (!(await exists(binary))) await build({ binary, flags, environment, log, signal });
    },
  );
  return binary;
}

const missingGo = `The dev cluster needs a Kubernetes API server, and nothing to make one of was found. Do one of these:
  - install Go 1.26 or newer (https://go.dev/dl) and put it on the PATH: the server is then built from source, once, in about five minutes
  - set KUBEBUILDER_ASSETS to a directory that holds etcd and kube-apiserver (setup-envtest downloads one)
  - set HIKYAKU_DEV_KUBECONFIG to the kubeconfig of a cluster that may be written to (kind, minikube, k3d)`;

async function buildFlags(): Promise<readonly string[]> {
  const version = /^\s*k8s\.io\/kubernetes (v(\d+)\.(\d+)\.\S+)/m.exec(
    await readFile(join(sourceDirectory, 'go.mod'), 'utf8'),
  );
  if (version === null) throw new Error('go.mod of the dev cluster requires no k8s.io/kubernetes');
  const [, full, major, minor] = version;
  const set = 'k8s.io/component-base/version';
  return [
    // Named here because a user's GOFLAGS may say otherwise; go.sum is complete.
    '-mod=readonly',
    '-buildvcs=false',
    '-trimpath',
    // Without the version, /version answers v0.0.0-master, which clients that compare versions do not understand.
    `-ldflags=-s -w -X ${set}.gitVersion=${full} -X ${set}.gitMajor=${major} -X ${set}.gitMinor=${minor} -X ${set}.gitTreeState=clean`,
  ];
}

async function versionHash(
  flags: readonly string[],
  environment: Readonly<NodeJS.ProcessEnv>,
  signal: AbortSignal | undefined,
): Promise<string> {
  const hash = createHash('sha256');
  const names = (await readdir(sourceDirectory)).filter((name) => /\.go$|^go\.(mod|sum)$/.test(name)).toSorted();
  for (const name of names) {
    const content = await readFile(join(sourceDirectory, name));
    hash.update(`${name} ${content.length}\n`).update(content);
  }
  hash.update(flags.join('\n')).update(await runGo(['version'], { environment, signal }));
  return hash.digest('hex').slice(0, 16);
}

interface Build extends EnsureBinaryOptions {
  readonly binary: string;
  readonly flags: readonly string[];
  readonly environment: Readonly<NodeJS.ProcessEnv>;
}

async function build({ binary, flags, environment, log, signal }: Build): Promise<void> {
  const temporary = `${binary}.${process.pid}.tmp`;
  const progress = startBuildProgress(log === undefined ? process.stderr : { log });
  try {
    await runGo(['build', '-v', ...flags, '-o', temporary, '.'], {
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
    progress.end('the build of the dev cluster failed');
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
}

interface RunGo {
  readonly environment: Readonly<NodeJS.ProcessEnv>;
  readonly signal?: AbortSignal | undefined;
  readonly onErrorLine?: (line: string) => void;
}

function runGo(commandArguments: readonly string[], { environment, signal, onErrorLine }: RunGo): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn('go', commandArguments, {
      cwd: sourceDirectory,
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
      reject(new Error(`go ${commandArguments[0]} failed in ${sourceDirectory}:\n${lastErrors.join('\n')}`));
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
