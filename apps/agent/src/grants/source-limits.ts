import { realpath } from 'node:fs/promises';
import type { Config, SourceConfig } from '@hikyaku/config';
import { ProviderError } from '@hikyaku/core';
import type { FileAccess } from '@hikyaku/core';
import { ALWAYS_REFUSED, fileAccess, isInside } from '../file-access.ts';
import { readableFolders } from './files-root.ts';
import type { HeldGrants } from './held-grants.ts';
import { pathOf } from './needs.ts';

/** What sources may touch: by the word of who starts the agent and, in a pod, by the grants. */
export interface SourceLimits {
  /** For sources without a file of their own, and for those whose file is below its root. */
  readonly files: FileAccess;
  /** Where a file may be besides. */
  readonly grantedFiles?: string | undefined;
  /** What sources may reach besides what is allowed to all. */
  readonly allowedOrigins?: readonly string[] | undefined;
  /** All that they may reach besides that, where grants say so. */
  readonly grantedOrigins?: readonly string[] | undefined;
  /** Where a credential that is not bound may be sent, besides where its service is; absent: anywhere. */
  readonly unboundOrigins?: readonly string[] | undefined;
  /**
   * The real path of a file, which is what to read; rejects with `INVALID_CONFIG` where the config may not name it, as a credential
   * or as certificates to trust.
   */
  readonly checkFile?: ((path: string) => Promise<string>) | undefined;
  /** Plug-ins that run and are not granted any more, by what stands behind `type:`. */
  readonly withdrawnPlugIns?: ReadonlySet<string> | undefined;
}

export interface LimitOptions {
  readonly config: string;
  readonly fileRoot?: string;
  readonly allowOrigin?: readonly string[];
}

/** `held` is only there in a pod: elsewhere the person's own file is trusted. No source reads the identity files. */
export function sourceLimits(
  options: LimitOptions,
  config: Config,
  held: HeldGrants | undefined,
  identityFiles: readonly string[],
): SourceLimits {
  const files = fileAccess(options, config, identityFiles);
  const { allowOrigin: allowedOrigins } = options;
  if (held === undefined) return { files, allowedOrigins };
  const { files: grantedFiles } = held.grants;
  const folders = [...new Set([...readableFolders(files.base, grantedFiles), files.root])];
  return {
    files,
    grantedFiles,
    allowedOrigins,
    grantedOrigins: held.grants.origins,
    unboundOrigins: [...(allowedOrigins ?? []), ...(held.grants.origins ?? [])],
    checkFile: (path) => checkFile(path, folders),
  };
}

/** What one source may read: its root is the granted directory only where its file is not below the usual one. */
export function fileAccessOf(source: SourceConfig, { files, grantedFiles }: SourceLimits): FileAccess {
  const path = pathOf(source, files.base);
  if (path === undefined || grantedFiles === undefined || isInside(path, files.root)) return files;
  return { ...files, root: grantedFiles };
}

async function checkFile(path: string, folders: readonly string[]): Promise<string> {
  const real = await realPath(path);
  const allowed = await Promise.all(folders.map(realPath));
  const refused = await Promise.all(ALWAYS_REFUSED.map(realPath));
  const isAllowed = allowed.some((folder) => isInside(real, folder));
  if (isAllowed && !refused.some((folder) => isInside(real, folder))) return real;
  throw new ProviderError(
    'INVALID_CONFIG',
    `${path} may not be read: in a pod a config names files below ${folders.join(' or ')}. Who approves another directory writes it behind files in grants.yaml`,
  );
}

/** Itself where there is nothing: then it cannot be read either. */
async function realPath(path: string): Promise<string> {
  return await realpath(path).catch(() => path);
}
