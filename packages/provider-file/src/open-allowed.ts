import { constants } from 'node:fs';
import type { BigIntStats } from 'node:fs';
import { open, readlink, realpath, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { sep } from 'node:path';
import { ProviderError } from '@hikyaku/core';
import type { Boundary } from './boundary.ts';
import { realPath } from './boundary.ts';

/** An open file or directory of which is known where it really is, and that it may be touched. */
export interface Opened extends AsyncDisposable {
  readonly handle: FileHandle;
  readonly stats: BigIntStats;
  readonly real: string;
}

/** It was there a moment ago, or was another: look again. */
export class Vanished extends ProviderError {
  constructor(shown: string) {
    super('UNAVAILABLE', `${shown} was changed while it was looked at. It is tried again`);
  }
}

/**
 * Opens a file or directory for reading if it may be touched. What the path leads to is checked before it is opened, so that
 * nothing foreign is touched; and what was opened is checked again, as links can move in between. Never waits for a FIFO's writer.
 */
export async function openAllowed(
  path: string,
  shown: string,
  kind: 'file' | 'directory',
  boundary: Boundary,
): Promise<Opened> {
  boundary.check(await realPath(path), shown);
  expectKind(await stat(path, { bigint: true }), shown, kind);

  const { O_RDONLY, O_NONBLOCK, O_NOCTTY, O_DIRECTORY } = constants;
  const handle = await open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | (kind === 'directory' ? O_DIRECTORY : 0));
  try {
    const stats = await handle.stat({ bigint: true });
    expectKind(stats, shown, kind);
    const real = await whereIs(handle, path, shown, stats);
    boundary.check(real, shown);
    boundary.checkFile(stats, shown);
    return { handle, stats, real, [Symbol.asyncDispose]: () => handle.close() };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** A path that means the open directory itself, whatever happens to its name; where the system has none, the name. */
export function pathOf({ handle, real }: Opened): string {
  return process.platform === 'linux' ? `/proc/self/fd/${handle.fd}` : real;
}

/** Whether a real path is inside a volume whose files Kubernetes swaps: they stand in a directory such as `..2026_01_31_12_00_00.123456789`. */
export function isInVolume(real: string): boolean {
  return real.split(sep).some((part) => part.startsWith('..'));
}

/** Where the open file is: the kernel's word, where it gives it (Linux); else what stands at the path now, if it is the same file. */
async function whereIs(handle: FileHandle, path: string, shown: string, { dev, ino }: BigIntStats): Promise<string> {
  if (process.platform === 'linux') {
    const place = await readlink(`/proc/self/fd/${handle.fd}`);
    if (place.endsWith(' (deleted)')) throw new Vanished(shown);
    return place;
  }
  const real = await realpath(path);
  const there = await stat(real, { bigint: true });
  if (there.dev !== dev || there.ino !== ino) throw new Vanished(shown);
  return real;
}

function expectKind(stats: BigIntStats, shown: string, kind: 'file' | 'directory'): void {
  if (kind === 'file' ? stats.isFile() : stats.isDirectory()) return;
  if (stats.isDirectory()) {
    throw new ProviderError(
      'INVALID_CONFIG',
      `${shown} is a directory, not a file. For a file per secret: \`format: directory\``,
    );
  }
  if (stats.isFile()) {
    throw new ProviderError(
      'INVALID_CONFIG',
      `${shown} is a file, not a directory: say its \`format\`, dotenv, json or yaml`,
    );
  }
  throw new ProviderError('INVALID_CONFIG', `${shown} is a device, a FIFO or a socket: only regular files are read`);
}
