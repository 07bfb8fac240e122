import { homedir, platform } from 'node:os';
import { join, resolve } from 'node:path';
import type { Edge } from '../edge.ts';

export interface IdentityFileOptions {
  /** `--identity`: files as `age-keygen` or `age -p` writes them. */
  readonly identity?: readonly string[];
}

/** A file that may hold age identities, absolute. */
export interface IdentityFile {
  readonly path: string;
  /** Nobody has named it, so that nothing is wrong where it is missing. */
  readonly byDefault: boolean;
}

/** Where the identities of a person are: in the files that he names, else where SOPS keeps them (its `age/keysource.go`). */
export function identityFiles(
  { identity = [] }: IdentityFileOptions,
  { env }: Pick<Edge, 'env'>,
): readonly IdentityFile[] {
  if (identity.length > 0) return identity.map((path) => ({ path: resolve(path), byDefault: false }));
  const named = env['SOPS_AGE_KEY_FILE'];
  return [
    ...(named ? [{ path: resolve(named), byDefault: false }] : []),
    ...configFolders(env).map((folder) => ({ path: join(folder, 'sops', 'age', 'keys.txt'), byDefault: true })),
  ];
}

function configFolders(env: Edge['env']): readonly string[] {
  const { XDG_CONFIG_HOME: folder, APPDATA: appData, HOME: home = homedir() } = env;
  if (folder) return [folder];
  if (platform() === 'win32') return appData ? [appData] : [];
  const usual = join(home, '.config');
  return platform() === 'darwin' ? [join(home, 'Library', 'Application Support'), usual] : [usual];
}
