import { lstat, readdir, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isProviderError, ProviderError, SecretValue } from '@hikyaku/core';
import type { CallOptions, FileAccess, ProviderContext, SecretChange } from '@hikyaku/core';
import { Boundary } from './boundary.ts';
import type { Content, Files, FileWriteResult, Value, VersionOf, Wanted } from './content.ts';
import { exclusively } from './exclusively.ts';
import { isMissing, readError, writeError } from './file-error.ts';
import { digestOf, lookSteadily, printOf } from './look.ts';
import type { Look } from './look.ts';
import { isInVolume, openAllowed, pathOf, Vanished } from './open-allowed.ts';
import type { Opened } from './open-allowed.ts';
import { checkVersion, namedTwice, twice } from './precondition.ts';
import { printable } from './printable.ts';
import { LARGEST_BYTES, readAllowedFile } from './read-file.ts';
import type { FileContent } from './read-file.ts';
import { removeFile, replaceFile, syncDirectory } from './replace-file.ts';

const MOST_NAMES = 4_096;
const MOST_BYTES = 16 * LARGEST_BYTES;
/** The longest name of a file on what people mount. */
const LONGEST_NAME_BYTES = 255;

/** A directory with a file per secret. Subdirectories are not descended into. */
export class Directory implements Files {
  readonly #path: string;
  readonly #access: FileAccess;
  readonly #clock: ProviderContext['clock'];
  #known: string | undefined;

  constructor(path: string, { files, clock }: ProviderContext) {
    this.#path = path;
    this.#access = files;
    this.#clock = clock;
  }

  async read(wanted: Wanted, { signal }: CallOptions): Promise<Content> {
    const { print, found } = await lookSteadily(() => this.#look(wanted, { signal }), printable(this.#path), {
      known: this.#known,
      clock: this.#clock,
      signal,
    });
    this.#known = print;
    return found;
  }

  async write(
    changes: readonly SecretChange[],
    { versionOf, signal }: CallOptions & { readonly versionOf: VersionOf },
  ): Promise<readonly FileWriteResult[]> {
    const shown = printable(this.#path);
    const boundary = await Boundary.of(this.#access);
    await using directory = await open(this.#path, shown, boundary);
    if (isInVolume(directory.real) || (await dataOf(directory)) !== undefined) {
      throw new ProviderError(
        'UNSUPPORTED',
        `${shown} is a volume that Kubernetes keeps: change its Secret or ConfigMap instead`,
      );
    }
    const repeated = namedTwice(changes);
    return await exclusively(directory.real, async () => {
      const results: FileWriteResult[] = [];
      for (const change of changes) {
        signal.throwIfAborted();
        const { name } = change;
        if (repeated.has(name)) results.push({ name, error: twice(name) });
        else results.push(await this.#change(change, { directory, boundary, versionOf }));
      }
      await syncDirectory(directory.handle);
      return results;
    });
  }

  async #look({ wants, named }: Wanted, { signal }: CallOptions): Promise<Look<Content>> {
    const shown = printable(this.#path);
    const boundary = await Boundary.of(this.#access);
    await using directory = await open(this.#path, shown, boundary);
    const data = await dataOf(directory);
    const isLeftOut = isInVolume(directory.real) || data !== undefined ? isSwapped : isHidden;
    const { names, notText } = await listNames(directory, { isLeftOut, shown });

    const values = new Map<string, Value>();
    const unknown = new Map<string, ProviderError>();
    const seen: string[] = [directory.real, String(directory.stats.ino), data ?? '', ...named];
    let total = 0;
    for (const name of names) {
      if (!wants(name)) continue;
      signal.throwIfAborted();
      const entry = await this.#entry(directory, name, boundary);
      if (entry === undefined) {
        if (named.has(name)) unknown.set(name, noSecret(name, 'is a directory, which is no secret'));
      } else if (isProviderError(entry)) {
        unknown.set(name, entry);
        seen.push(name, printOf(entry));
      } else {
        total += entry.bytes.length;
        if (total > MOST_BYTES) throw new ProviderError('UNSUPPORTED', `${shown} holds more than 16 MiB`);
        values.set(name, { value: SecretValue.of(entry.bytes), stamp: entry.stamp });
        seen.push(name, entry.stamp, digestOf([entry.bytes]));
      }
    }
    for (const name of notText) if (wants(name)) unknown.set(name, noSecret(name, 'has a name that is not UTF-8'));
    for (const name of named) {
      if (!names.has(name) && isLeftOut(name))
        unknown.set(name, noSecret(name, 'is hidden, and hidden files are left out'));
    }
    return { print: digestOf(seen), found: { values, unknown, names } };
  }

  /** `undefined` for a directory. */
  async #entry(directory: Opened, name: string, boundary: Boundary): Promise<FileContent | ProviderError | undefined> {
    const path = join(directory.real, name);
    const shown = printable(join(this.#path, name));
    try {
      return await readAllowedFile(path, shown, boundary);
    } catch (error) {
      if (!isProviderError(error) || error instanceof Vanished) throw error;
      if (error.code === 'INVALID_CONFIG' && (await isDirectory(path))) return undefined;
      if (error.code !== 'NOT_FOUND') return error;
      // It was listed: either it has just gone, or it is a link to nothing.
      if (!(await isLink(path))) throw new Vanished(shown);
      return new ProviderError('UNAVAILABLE', `${shown} is a symbolic link to nothing`);
    }
  }

  async #change(
    change: SecretChange,
    {
      directory,
      boundary,
      versionOf,
    }: { readonly directory: Opened; readonly boundary: Boundary; readonly versionOf: VersionOf },
  ): Promise<FileWriteResult> {
    const { name } = change;
    const shown = printable(join(this.#path, name));
    try {
      checkName(name);
      const path = join(pathOf(directory), name);
      boundary.check(join(directory.real, name), shown);
      if (await isLink(path)) {
        throw new ProviderError('UNSUPPORTED', `${shown} is a symbolic link: write where it leads to, or remove it`);
      }
      const current = await this.#current(path, shown, boundary);
      const conflict = checkVersion(
        change,
        { exists: current !== undefined, value: current && valueOf(current) },
        versionOf,
      );
      if (conflict !== undefined) return { name, error: conflict };
      if ('remove' in change) {
        if (current !== undefined) await removeFile(directory, name, current);
        return { name };
      }
      const { value } = change;
      if (current !== undefined && value.equals(SecretValue.of(current.bytes))) {
        return { name, written: valueOf(current) };
      }
      if (value.byteLength > LARGEST_BYTES) {
        throw new ProviderError('INVALID_CONFIG', `${shown} would be larger than 1 MiB, which could not be read back`);
      }
      const stamp = await replaceFile(directory, name, value.reveal(), current);
      return { name, written: { value, stamp } };
    } catch (error) {
      return { name, error: writeError(error, shown) };
    }
  }

  async #current(path: string, shown: string, boundary: Boundary): Promise<FileContent | undefined> {
    try {
      return await readAllowedFile(path, shown, boundary);
    } catch (error) {
      if (isProviderError(error) && error.code === 'NOT_FOUND') return undefined;
      throw error;
    }
  }
}

async function open(path: string, shown: string, boundary: Boundary): Promise<Opened> {
  try {
    return await openAllowed(path, shown, 'directory', boundary);
  } catch (error) {
    throw readError(error, shown);
  }
}

/** Where the `..data` link leads to by which Kubernetes swaps all files of a mounted Secret or ConfigMap at once. */
async function dataOf(directory: Opened): Promise<string | undefined> {
  try {
    return await readlink(join(pathOf(directory), '..data'));
  } catch {
    return undefined; // an ordinary directory
  }
}

/** In order. */
async function listNames(
  directory: Opened,
  { isLeftOut, shown }: { readonly isLeftOut: (name: string) => boolean; readonly shown: string },
): Promise<{ readonly names: ReadonlySet<string>; readonly notText: readonly string[] }> {
  const names: string[] = [];
  const notText: string[] = [];
  const entries = await readdir(pathOf(directory), { encoding: 'buffer' });
  if (entries.length > MOST_NAMES) {
    throw new ProviderError('UNSUPPORTED', `${shown} has more than ${MOST_NAMES} entries`);
  }
  for (const bytes of entries) {
    const name = bytes.toString('utf8');
    if (isLeftOut(name)) continue;
    (bytes.equals(Buffer.from(name)) ? names : notText).push(name);
  }
  return { names: new Set(names.toSorted()), notText };
}

function isHidden(name: string): boolean {
  return name.startsWith('.');
}

/** In a volume every other name is a key, also `.dockerconfigjson`. */
function isSwapped(name: string): boolean {
  return name.startsWith('..');
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}

async function isLink(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isSymbolicLink();
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

function valueOf({ bytes, stamp }: FileContent): Value {
  return { value: SecretValue.of(bytes), stamp };
}

function checkName(name: string): void {
  const fits =
    name !== '' && !/[/\0]/.test(name) && name.isWellFormed() && Buffer.byteLength(name) <= LONGEST_NAME_BYTES;
  if (!fits || isHidden(name)) throw noSecret(name, 'cannot be the name of a file that is read as a secret');
}

function noSecret(name: string, why: string): ProviderError {
  return new ProviderError('INVALID_CONFIG', `${printable(name)} ${why}`);
}
