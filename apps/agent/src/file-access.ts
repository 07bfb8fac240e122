import { statSync } from 'node:fs';
import { dirname, resolve, sep } from 'node:path';
import type { Config } from '@hikyaku/config';
import type { FileAccess } from '@hikyaku/core';

export interface FileAccessOptions {
  /** Of the config file, or a directory of them. */
  readonly config: string;
  readonly fileRoot?: string;
}

/** Where a pod's ServiceAccount is mounted, and what shows the environment of processes. */
export const ALWAYS_REFUSED = ['/var/run/secrets/kubernetes.io', '/run/secrets/kubernetes.io', '/proc', '/sys', '/dev'];

/** What sources may read: below the folder of the config file, or what who starts the agent says; never a credential of the config, nor what opens one. */
export function fileAccess(
  { config: path, fileRoot }: FileAccessOptions,
  { sources }: Config,
  identityFiles: readonly string[],
): FileAccess {
  const base = folderOf(path);
  const credentials = [...sources.values()].flatMap((source) =>
    [...source.credentials.values()].flatMap((reference) => ('file' in reference ? [reference.file] : [])),
  );
  return {
    base,
    root: resolve(fileRoot ?? base),
    refused: [...ALWAYS_REFUSED, ...credentials, ...identityFiles],
  };
}

/** Where relative paths of a config begin, absolute. */
export function folderOf(config: string): string {
  const absolute = resolve(config);
  return isDirectory(absolute) ? absolute : dirname(absolute);
}

/** Both absolute; links are not followed. */
export function isInside(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory.endsWith(sep) ? directory : directory + sep);
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
