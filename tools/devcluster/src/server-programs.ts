import { join } from 'node:path';
import { ensureDevClusterBinary } from './ensure-binary.ts';
import type { EnsureBinaryOptions } from './ensure-go-program.ts';
import { exists } from './exists.ts';
import type { ServerProgram } from './server-process.ts';

/** The programs of a cluster; the controller manager only when it was asked for. */
export interface ServerPrograms {
  readonly etcd: ServerProgram;
  readonly apiServer: ServerProgram;
  readonly controllerManager?: ServerProgram;
}

const etcd = 'etcd';
const apiServer = 'kube-apiserver';
const controllerManager = 'kube-controller-manager';

export interface FindProgramsOptions extends EnsureBinaryOptions {
  readonly environment: Readonly<NodeJS.ProcessEnv>;
  readonly controllers: boolean;
}

/** The programs in `KUBEBUILDER_ASSETS` when that is set, else our own binary, which is built on first need. */
export async function findServerPrograms(options: FindProgramsOptions): Promise<ServerPrograms> {
  const assets = options.environment['KUBEBUILDER_ASSETS'];
  const program = assets
    ? await releasedPrograms(assets, options.controllers)
    : ownPrograms(await ensureDevClusterBinary(options));
  return {
    etcd: program(etcd),
    apiServer: program(apiServer),
    ...(options.controllers ? { controllerManager: program(controllerManager) } : {}),
  };
}

function ownPrograms(path: string): (name: string) => ServerProgram {
  return (name) => ({ path, leadingArguments: [name], endsWithParent: true });
}

async function releasedPrograms(directory: string, controllers: boolean): Promise<(name: string) => ServerProgram> {
  const wanted = [etcd, apiServer, ...(controllers ? [controllerManager] : [])];
  const found = await Promise.all(wanted.map((name) => exists(join(directory, name))));
  const missing = wanted.filter((_, index) => !found[index]);
  if (missing.length > 0) {
    throw new Error(
      `KUBEBUILDER_ASSETS is ${directory}, which lacks ${missing.join(' and ')}. Put ${missing.length > 1 ? 'them' : 'it'} there, or unset KUBEBUILDER_ASSETS to have the server built from source (needs Go).`,
    );
  }
  return (name) => ({ path: join(directory, name), leadingArguments: [], endsWithParent: false });
}
