import { resolve } from 'node:path';
import type { Config, SecretEntry, SourceConfig } from '@hikyaku/config';
import { refusedDestinations, unboundCredentials, usualOrigin } from '../credentials/unbound-destinations.ts';
import { folderOf } from '../file-access.ts';
import type { PlugInFile } from './plug-in-files.ts';

/** All that a config asks for and that has to be granted. */
export interface Needs {
  readonly secrets: Config['secrets'];
  readonly origins: readonly Need[];
  /** Among the origins those where credentials go that are not bound, and that are not where the service is; the owner of a Secret may have named them. */
  readonly destinations: readonly DestinationNeed[];
  readonly plugIns: readonly PlugInFile[];
  readonly files: readonly FileNeed[];
  readonly pushes: readonly PushNeed[];
  readonly restarts: readonly RestartNeed[];
  /** Where the config is: files below it need no grant. */
  readonly folder: string;
}

interface Need {
  readonly source: string;
  readonly what: string;
}

interface DestinationNeed extends Need {
  readonly credentials: readonly string[];
  /** Where such credentials go anyway, if anywhere. */
  readonly usual?: string;
}

/** `what` is an absolute path; `source`: read as secrets. */
export interface FileNeed extends Need {
  readonly as: 'source' | 'credential' | 'certificates';
}

/** `workload` is `web/Deployment/web`, or `web/*` for whatever uses the Secret. */
interface RestartNeed {
  /** `namespace/name` of the Secret. */
  readonly secret: string;
  readonly workload: string;
}

interface PushNeed {
  readonly from: string;
  readonly to: string;
}

export function needsOf(config: Config, path: string, plugIns: readonly PlugInFile[]): Needs {
  const sources = [...config.sources.values()];
  const folder = folderOf(path);
  return {
    secrets: config.secrets,
    origins: sources.flatMap(({ name, description }) =>
      description.origins.map((origin) => ({ source: name, what: new URL(origin).origin })),
    ),
    destinations: sources.flatMap((source) => [...destinationsOf(source)]),
    plugIns,
    files: sources.flatMap((source) => [...filesOf(source, folder)]),
    pushes: config.pushes.map(({ namespace, name, source }) => ({ from: `${namespace}/${name}`, to: source })),
    restarts: config.secrets.flatMap(restartsOf),
    folder,
  };
}

function restartsOf({ namespace, name, restart }: SecretEntry): readonly RestartNeed[] {
  const what = restart === true ? ['*'] : (restart ?? []);
  return what.map((workload) => ({ secret: `${namespace}/${name}`, workload: `${namespace}/${workload}` }));
}

function* destinationsOf(source: SourceConfig): Iterable<DestinationNeed> {
  const credentials = unboundCredentials(source);
  const usual = usualOrigin(source.provider);
  if (credentials.length === 0) return;
  for (const what of refusedDestinations(source, []))
    yield { source: source.name, what, credentials, ...(usual !== undefined && { usual }) };
}

function* filesOf(source: SourceConfig, folder: string): Iterable<FileNeed> {
  const { name, credentials, description } = source;
  const path = pathOf(source, folder);
  if (path !== undefined) yield { source: name, what: path, as: 'source' };
  for (const reference of credentials.values()) {
    if ('file' in reference) yield { source: name, what: reference.file, as: 'credential' };
  }
  const { ca } = description;
  if (ca !== undefined && !ca.includes('-----BEGIN')) yield { source: name, what: ca, as: 'certificates' };
}

/** What a source of files reads, absolute; `undefined` for any other source. */
export function pathOf({ provider, settings }: SourceConfig, folder: string): string | undefined {
  if (provider.type !== 'file' || typeof settings !== 'object' || settings === null || !('path' in settings))
    return undefined;
  return typeof settings.path === 'string' ? resolve(folder, settings.path) : undefined;
}
