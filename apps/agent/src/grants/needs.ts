import { resolve } from 'node:path';
import type { Config, SourceConfig } from '@hikyaku/config';
import { folderOf } from '../file-access.ts';
import type { PlugInFile } from './plug-in-files.ts';

/** All that a config asks for and that has to be granted. */
export interface Needs {
  readonly secrets: Config['secrets'];
  readonly origins: readonly Need[];
  readonly plugIns: readonly PlugInFile[];
  readonly files: readonly FileNeed[];
  readonly pushes: readonly PushNeed[];
  /** Where the config is: files below it need no grant. */
  readonly folder: string;
}

interface Need {
  readonly source: string;
  readonly what: string;
}

/** `what` is an absolute path; `source`: read as secrets. */
export interface FileNeed extends Need {
  readonly as: 'source' | 'credential' | 'certificates';
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
    plugIns,
    files: sources.flatMap((source) => [...filesOf(source, folder)]),
    pushes: config.pushes.map(({ namespace, name, source }) => ({ from: `${namespace}/${name}`, to: source })),
    folder,
  };
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
