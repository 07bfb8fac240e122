import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import type { BigIntStats } from 'node:fs';
import { open, rename, stat, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { ProviderError } from '@hikyaku/core';
import { isMissing } from './file-error.ts';
import { pathOf } from './open-allowed.ts';
import type { Opened } from './open-allowed.ts';
import { printable } from './printable.ts';
import { stampOf } from './read-file.ts';

/**
 * Puts a file in the place of `current`, or where there was none, all at once: written beside it, on the disk, and then renamed. Gives its
 * stamp. Throws `CONFLICT` if what stands there is not `current` any more.
 */
export async function replaceFile(
  directory: Opened,
  name: string,
  bytes: Uint8Array,
  current: { readonly stamp: string; readonly stats: BigIntStats } | undefined,
): Promise<string> {
  const place = pathOf(directory);
  const target = join(place, name);
  const temporary = join(place, `.hikyaku-${randomUUID()}.tmp`);
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  const handle = await open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    await handle.writeFile(bytes);
    if (current !== undefined) await keepMode(handle, current.stats);
    await handle.sync();
    await expectStamp(target, name, current?.stamp);
    await rename(temporary, target);
    return stampOf(await handle.stat({ bigint: true }));
  } catch (error) {
    await unlink(temporary).catch(() => {}); // renamed already, or as unwilling as before
    throw error;
  } finally {
    await handle.close();
  }
}

/** Removes a file. Throws `CONFLICT` if it is not `current` any more. */
export async function removeFile(directory: Opened, name: string, current: { readonly stamp: string }): Promise<void> {
  const target = join(pathOf(directory), name);
  await expectStamp(target, name, current.stamp);
  await unlink(target);
}

/** Makes what was done in it last. */
export async function syncDirectory(handle: FileHandle): Promise<void> {
  await handle.sync().catch(() => {}); // some file systems have no such thing
}

/** The same people may read it as before; only where owner and group can stay the same, too. */
async function keepMode(handle: FileHandle, { uid, gid, mode }: BigIntStats): Promise<void> {
  const mine = await handle.stat({ bigint: true });
  if (mine.uid !== uid || mine.gid !== gid) {
    try {
      await handle.chown(Number(uid), Number(gid));
    } catch {
      return;
    }
  }
  await handle.chmod(Number(mode) & 0o777);
}

async function expectStamp(path: string, name: string, expected: string | undefined): Promise<void> {
  if ((await stampAt(path)) === expected) return;
  throw new ProviderError('CONFLICT', `${printable(name)} was changed by somebody else meanwhile: read it again`);
}

async function stampAt(path: string): Promise<string | undefined> {
  try {
    return stampOf(await stat(path, { bigint: true }));
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
