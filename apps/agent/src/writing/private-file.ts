import { closeSync, fstatSync, fsyncSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs';
import { access, constants, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Kept in memory by the kernel, and never on a disk. */
const IN_MEMORY: readonly string[] = ['/dev/shm', '/run/shm'];

/** A file that only this user can read, in a folder of its own, and that leaves nothing behind. */
export interface PrivateFile extends Disposable {
  readonly path: string;
  /** Whether it never reaches a disk. */
  readonly inMemory: boolean;
  read(): Promise<Uint8Array>;
  write(text: string): Promise<void>;
}

/** Makes it in memory where the machine offers that; else on disk, and then its bytes are written over at the end. */
export async function createPrivateFile(name: string, inMemory = IN_MEMORY): Promise<PrivateFile> {
  const memory = await firstWritable(inMemory);
  // mkdtemp makes it for this user alone.
  const directory = await mkdtemp(join(memory ?? tmpdir(), 'hikyaku-'));
  const path = join(directory, name);
  const remove = (): void => {
    process.off('exit', remove);
    // Also what an editor has left beside it.
    if (memory === undefined) for (const entry of entriesOf(directory)) overwrite(join(directory, entry));
    rmSync(directory, { recursive: true, force: true });
  };
  // A second Ctrl-C ends the process at once.
  process.on('exit', remove);
  return {
    path,
    inMemory: memory !== undefined,
    read: () => readFile(path),
    write: (text) => writeFile(path, text, { mode: 0o600 }),
    [Symbol.dispose]: remove,
  };
}

async function firstWritable(directories: readonly string[]): Promise<string | undefined> {
  for (const directory of directories) {
    try {
      await access(directory, constants.W_OK);
      return directory;
    } catch {
      // the next one
    }
  }
  return undefined;
}

function entriesOf(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function overwrite(path: string): void {
  try {
    const file = openSync(path, 'r+');
    try {
      writeSync(file, Buffer.alloc(fstatSync(file).size));
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  } catch {
    // a folder, or gone already
  }
}
