import { randomUUID } from 'node:crypto';
import { constants, rmSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { open, readFile, realpath, rename, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { EXIT } from '../exit-code.ts';
import { UserError } from '../user-error.ts';

/** The text of a file as it was read, and as it is to be. */
export interface FileChange {
  readonly path: string;
  readonly before: string;
  readonly after: string;
}

/**
 * New texts of files, on the disk beside them, and not in their places yet. A link stays one; mode, owner and a byte order mark stay.
 * What was not put in place is gone at the end.
 */
export class StagedFiles implements AsyncDisposable {
  readonly #staged: Staged[] = [];
  // Who reads what is printed may go away, and that ends the process at once.
  readonly #onExit = (): void => {
    for (const { temporary } of this.#staged) rmSync(temporary, { force: true });
  };

  private constructor() {
    process.on('exit', this.#onExit);
  }

  /** Throws a UserError, with nothing changed, where a file is not what was read, or cannot be replaced. */
  static async of(changes: readonly FileChange[]): Promise<StagedFiles> {
    const files = new StagedFiles();
    try {
      for (const change of changes) files.#staged.push(await stage(change));
      return files;
    } catch (error) {
      await files[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Each all at once, and all of them or none. */
  async putInPlace(): Promise<void> {
    const done: Staged[] = [];
    try {
      for (const file of this.#staged) {
        const { target, path, original } = file;
        if (!original.equals(await readFile(target))) throw changedMeanwhile(path);
        await rename(file.temporary, target);
        done.push(file);
      }
    } catch (error) {
      for (const file of done) await putBack(file);
      throw error instanceof UserError ? error : unwritable(this.#staged[done.length]?.path ?? '', error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Gone already where it was put in its place.
    for (const { temporary } of this.#staged) await unlink(temporary).catch(() => {});
    process.off('exit', this.#onExit);
  }
}

interface Staged {
  /** As the person names it. */
  readonly path: string;
  /** Where it is, links resolved. */
  readonly target: string;
  readonly temporary: string;
  readonly original: Buffer;
  readonly stats: Stats;
}

async function stage({ path, before, after }: FileChange): Promise<Staged> {
  try {
    const target = await realpath(path);
    const { original, stats } = await readWhole(target);
    if (new TextDecoder().decode(original) !== before) throw changedMeanwhile(path);
    const mark = original.subarray(0, 3).equals(BYTE_ORDER_MARK) ? '\uFEFF' : '';
    const temporary = await writeBeside(target, Buffer.from(mark + after), stats);
    return { path, target, temporary, original, stats };
  } catch (error) {
    throw error instanceof UserError ? error : unwritable(path, error);
  }
}

const BYTE_ORDER_MARK = Buffer.from('\uFEFF');

async function readWhole(path: string): Promise<{ readonly original: Buffer; readonly stats: Stats }> {
  const handle = await open(path, 'r');
  try {
    return { original: await handle.readFile(), stats: await handle.stat() };
  } finally {
    await handle.close();
  }
}

/** On the disk, for the same people as the file that it will replace; gives its path. */
async function writeBeside(target: string, bytes: Uint8Array, { uid, gid, mode }: Stats): Promise<string> {
  const temporary = join(dirname(target), `.hikyaku-${randomUUID()}.tmp`);
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  const handle = await open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    await handle.writeFile(bytes);
    const mine = await handle.stat();
    if (mine.uid !== uid || mine.gid !== gid) await handle.chown(uid, gid);
    await handle.chmod(mode & 0o7777);
    await handle.sync();
    return temporary;
  } catch (error) {
    await unlink(temporary).catch(() => {});
    throw error;
  } finally {
    await handle.close();
  }
}

async function putBack({ target, original, stats }: Staged): Promise<void> {
  await rename(await writeBeside(target, original, stats), target);
}

function changedMeanwhile(path: string): UserError {
  return new UserError(`${path} was changed by somebody else meanwhile: nothing was written; try again`, EXIT.failed);
}

function unwritable(path: string, error: unknown): UserError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
  const why = code === 'EPERM' ? 'its owner would change (EPERM)' : code;
  return new UserError(`${path} cannot be replaced: ${why}; nothing was written`, EXIT.failed);
}
