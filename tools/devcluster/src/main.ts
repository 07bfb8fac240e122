import { chmod, copyFile, readFile, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ensureDevClusterBinary } from './ensure-binary.ts';
import { startDevCluster } from './start-dev-cluster.ts';
import { contextName } from './write-kubeconfig.ts';

const help = `A real Kubernetes API server, without Docker.

usage:
  main.ts start [--controllers] [--directory DIR] [--kubeconfig PATH]
  main.ts build

commands:
  start   start a cluster and keep it until Ctrl-C
  build   only build the server, when this version of it has not been built yet and the environment names none

options of start:
  --controllers       also run the controller manager (token Secrets, garbage collection, rollouts)
  --directory DIR     keep keys, data and logs in DIR, and carry on with what is there (default: a new directory, removed at the end)
  --kubeconfig PATH   also write the kubeconfig to PATH, until the end

environment:
  KUBEBUILDER_ASSETS       a directory with etcd and kube-apiserver, used instead of building them
  HIKYAKU_DEV_KUBECONFIG   the kubeconfig of a cluster to use instead of starting one
  XDG_CACHE_HOME           where built servers are kept, under hikyaku/ (default: ~/.cache)

examples:
  node tools/devcluster/src/main.ts start
  node tools/devcluster/src/main.ts start --controllers --directory /tmp/my-cluster --kubeconfig /tmp/kubeconfig
`;

/** A mistake in what the user asked for: one line, no stack. */
class UsageError extends Error {}

interface StartArguments {
  readonly controllers: boolean;
  readonly directory: string | undefined;
  readonly kubeconfig: string | undefined;
}

async function main(): Promise<void> {
  const { command, ...startArguments } = readArguments();
  const stopped = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => stopped.abort());
  try {
    if (command === 'help') process.stdout.write(help);
    else if (command === 'build') process.stdout.write(`${await build(stopped.signal)}\n`);
    else await start(startArguments, stopped);
  } catch (error) {
    if (!stopped.signal.aborted) throw error;
    process.exitCode = 130;
  }
}

/** The path of the binary, or why none is needed. */
async function build(signal: AbortSignal): Promise<string> {
  const given = ['KUBEBUILDER_ASSETS', 'HIKYAKU_DEV_KUBECONFIG'].find((name) => process.env[name]);
  return given === undefined ? await ensureDevClusterBinary({ signal }) : `nothing to build: ${given} is set`;
}

function readArguments(): StartArguments & { readonly command: 'help' | 'build' | 'start' } {
  const { values, positionals } = parse();
  const [command, ...rest] = positionals;
  const { controllers = false, directory, kubeconfig } = values;
  if (values.help) return { command: 'help', controllers, directory, kubeconfig };
  if (rest.length > 0 || (command !== 'start' && command !== 'build'))
    throw new UsageError('say start or build; --help tells more');
  return { command, controllers, directory, kubeconfig };
}

function parse() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        controllers: { type: 'boolean' },
        directory: { type: 'string' },
        kubeconfig: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

async function start({ controllers, directory, kubeconfig }: StartArguments, stopped: AbortController): Promise<void> {
  const copy = kubeconfig === undefined ? undefined : resolve(kubeconfig);
  if (copy !== undefined) await refuseForeign(copy);
  let failure: Error | undefined;
  const cluster = await startDevCluster({
    controllers,
    ...(directory === undefined ? {} : { directory }),
    signal: stopped.signal,
    onFailure: (error) => {
      failure ??= error;
      stopped.abort();
    },
  });
  try {
    if (copy !== undefined) {
      await copyFile(cluster.kubeconfig, copy);
      await chmod(copy, 0o600);
    }
    process.stdout.write(
      `The API server is ready at ${cluster.url}\n\n  export KUBECONFIG=${copy ?? cluster.kubeconfig}\n\n`,
    );
    process.stdout.write('Ctrl-C ends it.\n');
    await aborted(stopped.signal);
  } finally {
    if (copy !== undefined) await rm(copy, { force: true });
    await cluster.stop();
  }
  if (failure !== undefined) throw new UsageError(failure.message);
}

/** The user's own kubeconfig must not be lost to a test cluster. */
async function refuseForeign(path: string): Promise<void> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined || text.includes(`current-context: ${contextName}\n`)) return;
  throw new UsageError(`${path} exists and was not written by devcluster; choose another --kubeconfig`);
}

async function aborted(signal: AbortSignal): Promise<void> {
  // Neither signal handlers nor an abort listener keep Node running.
  const alive = setInterval(() => {}, 60_000);
  if (!signal.aborted) await new Promise<void>((end) => signal.addEventListener('abort', () => end(), { once: true }));
  clearInterval(alive);
}

try {
  await main();
} catch (error) {
  if (!(error instanceof Error)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
