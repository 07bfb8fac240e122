import { statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Config } from '@hikyaku/config';
import type { FileAccess } from '@hikyaku/core';

export interface FileAccessOptions {
  /** Of the config file, or a directory of them. */
  readonly config: string;
  readonly fileRoot?: string;
}

/** Where a pod's ServiceAccount is mounted, and what shows the environment of processes. */
const ALWAYS_REFUSED = ['/var/run/secrets/kubernetes.io', '/run/secrets/kubernetes.io', '/proc', '/sys', '/dev'];

/** What sources may read: below the folder of the config file, or what who starts the agent says; never a credential of the config. */
export function fileAccess({ config: path, fileRoot }: FileAccessOptions, { sources }: Config): FileAccess {
  const absolute = resolve(path);
  const base = isDirectory(absolute) ? absolute : dirname(absolute);
  const credentials = [...sources.values()].flatMap((source) =>
    [...source.credentials.values()].flatMap((reference) => ('file' in reference ? [reference.file] : [])),
  );
  return {
    base,
    root: fileRoot === undefined ? base : resolve(fileRoot),
    refused: [...ALWAYS_REFUSED, ...credentials],
  };
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
