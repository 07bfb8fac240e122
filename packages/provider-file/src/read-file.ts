import type { BigIntStats } from 'node:fs';
import { ProviderError } from '@hikyaku/core';
import type { Boundary } from './boundary.ts';
import { readError } from './file-error.ts';
import { digestOf } from './look.ts';
import { openAllowed, Vanished } from './open-allowed.ts';
import type { Opened } from './open-allowed.ts';

/** The size of a Kubernetes Secret; no value can be larger. */
export const LARGEST_BYTES = 1024 * 1024;

export interface FileContent {
  readonly bytes: Uint8Array;
  /** Tells this state of the file from others without a look into it. */
  readonly stamp: string;
  /** Where it really is. */
  readonly real: string;
  readonly stats: BigIntStats;
}

/** Reads one file as a whole. Throws a ProviderError, {@link Vanished} when it changed meanwhile. */
export async function readAllowedFile(path: string, shown: string, boundary: Boundary): Promise<FileContent> {
  try {
    await using opened = await openAllowed(path, shown, 'file', boundary);
    const { stats, real, handle } = opened;
    if (stats.size > LARGEST_BYTES) {
      throw new ProviderError('UNSUPPORTED', `${shown} is larger than 1 MiB, which is the most that a Secret holds`);
    }
    const bytes = await readBytes(opened, Number(stats.size));
    if (bytes === undefined) throw new Vanished(shown);
    const stamp = stampOf(stats);
    if (stampOf(await handle.stat({ bigint: true })) !== stamp) throw new Vanished(shown);
    return { bytes, stamp, real, stats };
  } catch (error) {
    throw readError(error, shown);
  }
}

/** Opaque; made of what `stat` says, so that it tells nothing of a value. */
export function stampOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return digestOf([[dev, ino, size, mtimeNs, ctimeNs].join(' ')]).slice(0, 16);
}

/** `undefined` when there is more or less than `size`. */
async function readBytes({ handle }: Opened, size: number): Promise<Uint8Array | undefined> {
  // One byte more shows whether it has grown.
  const buffer = Buffer.alloc(size + 1);
  let length = 0;
  while (length < buffer.length) {
    const { bytesRead } = await handle.read(buffer, length, buffer.length - length, length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return length === size ? buffer.subarray(0, size) : undefined;
}
