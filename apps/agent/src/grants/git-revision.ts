import { basename, join, relative, resolve, sep } from 'node:path';
import { folderOf } from '../file-access.ts';
import { git } from '../git.ts';
import { UserError } from '../user-error.ts';

export interface RevisionFile {
  /** As it would be called in the working tree. */
  readonly path: string;
  readonly text: string;
}

/** The files around a config as they were in a commit. Nothing is checked out. */
export class GitRevision {
  /** Of the commit. */
  readonly hash: string;
  /** Of the config, absolute. */
  readonly #folder: string;
  readonly #signal: AbortSignal;

  private constructor(hash: string, folder: string, signal: AbortSignal) {
    this.hash = hash;
    this.#folder = folder;
    this.#signal = signal;
  }

  /** Throws a UserError where there is no git, no repository or no such commit. */
  static async of(
    revision: string,
    config: string,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<GitRevision> {
    const folder = folderOf(config);
    const commit = `${revision}^{commit}`;
    try {
      const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', commit];
      const hash = (await git(folder, args, { signal })).toString().trim();
      return new GitRevision(hash, folder, signal);
    } catch (error) {
      signal.throwIfAborted();
      const noGit = error instanceof Error && 'code' in error && error.code === 'ENOENT';
      throw new UserError(noGit ? 'git is not installed' : `git knows no commit ${revision} in ${folder}`);
    }
  }

  /** A config file, or those of a directory but for `grants.yaml`; none where there was none. */
  async configFiles(config: string): Promise<readonly RevisionFile[]> {
    const isFolder = resolve(config) === this.#folder;
    const names = isFolder ? (await this.#names()).filter(isConfigName) : [basename(config)];
    const files = await Promise.all(
      names.map(async (name) => {
        const bytes = await this.read(join(this.#folder, name));
        return bytes === undefined
          ? []
          : [{ path: isFolder ? join(config, name) : config, text: bytes.toString('utf8') }];
      }),
    );
    return files.flat();
  }

  /** The content of a file; `undefined` where there was none, or where it is outside of the repository. */
  async read(path: string): Promise<Buffer | undefined> {
    const from = relative(this.#folder, path).split(sep).join('/');
    const where = from.startsWith('../') ? from : `./${from}`;
    try {
      const args = ['cat-file', 'blob', `${this.hash}:${where}`];
      return await git(this.#folder, args, { signal: this.#signal });
    } catch {
      this.#signal.throwIfAborted();
      return undefined;
    }
  }

  async #names(): Promise<readonly string[]> {
    const args = ['ls-tree', '-z', '--name-only', this.hash, './'];
    const names = (await git(this.#folder, args, { signal: this.#signal })).toString();
    return names.split('\0').map((path) => basename(path));
  }
}

function isConfigName(name: string): boolean {
  return /\.ya?ml$/.test(name) && !name.startsWith('.') && name !== 'grants.yaml';
}
