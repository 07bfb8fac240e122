import { watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { ProviderError, untilAborted } from '@hikyaku/core';
import type { CallOptions, ProviderContext } from '@hikyaku/core';
import { Boundary } from './boundary.ts';
import { errnoOf, isMissing } from './file-error.ts';
import { printable } from './printable.ts';
import { watchPoints } from './watch-points.ts';
import type { WatchPoints } from './watch-points.ts';

/** What changes in a burst is told once. */
const BURST_MS = 50;
const MOST_TRIES = 10;

/** Yields when what the path leads to may have changed, and once at the start, for what happened before the watch. */
export async function* watchPath(
  path: string,
  { files, clock, signal }: Pick<ProviderContext, 'files' | 'clock'> & CallOptions,
): AsyncGenerator<void> {
  try {
    let watching = await open(path, files);
    try {
      for (;;) {
        yield;
        await watching.change({ signal });
        await clock.sleep(BURST_MS, { signal });
        // A directory that was made again needs a new watch, even at the same path. The new ones begin before the old ones end.
        const next = await open(path, files);
        watching[Symbol.dispose]();
        watching = next;
      }
    } finally {
      watching[Symbol.dispose]();
    }
  } catch (error) {
    if (!signal.aborted) throw toWatchError(error, printable(path));
  }
}

interface Watching extends Disposable {
  /** Resolves once something has changed since the watch began. */
  change(options: CallOptions): Promise<void>;
}

async function open(path: string, files: ProviderContext['files']): Promise<Watching> {
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    const boundary = await Boundary.of(files);
    const points = await watchPoints(path, boundary);
    const watching = openAll(points, printable(path));
    if (watching === undefined) continue;
    // A link that was swapped in between leads to where nobody watches.
    if (isDeepStrictEqual(points, await watchPoints(path, boundary))) return watching;
    watching[Symbol.dispose]();
  }
  throw new ProviderError('UNAVAILABLE', `${printable(path)} keeps moving while a watch of it begins`);
}

/** `undefined` when a directory has gone meanwhile. */
function openAll(points: WatchPoints, shown: string): Watching | undefined {
  const changed = Promise.withResolvers<void>();
  changed.promise.catch(() => {}); // it may fail while nobody waits for it
  const watchers: FSWatcher[] = [];
  const close = (): void => watchers.forEach((watcher) => watcher.close());
  let denied = false;
  for (const [directory, names] of points) {
    try {
      const watcher = watch(directory, (_, name) => {
        if (name === null || matters(name, names)) changed.resolve();
      });
      watcher.on('error', (error) => changed.reject(error));
      watchers.push(watcher);
    } catch (error) {
      // Without the right to list it, a directory on the way is done without.
      if (errnoOf(error) === 'EACCES') {
        denied = true;
        continue;
      }
      close();
      if (isMissing(error)) return undefined;
      throw error;
    }
  }
  if (watchers.length === 0 && denied) {
    throw new ProviderError('FORBIDDEN', `${shown} may not be watched (EACCES): it is read at each refresh`);
  }
  return { change: (options) => untilAborted(changed.promise, options), [Symbol.dispose]: close };
}

/** Editors and writers put hidden files beside the others; `..data` is how Kubernetes swaps all files of a volume. */
function matters(name: string, names: ReadonlySet<string> | 'all'): boolean {
  return names === 'all' ? name === '..data' || !name.startsWith('.') : names.has(name);
}

function toWatchError(error: unknown, shown: string): unknown {
  const code = errnoOf(error);
  switch (code) {
    case undefined:
      return error;
    case 'ENOSPC':
    case 'EMFILE':
      return new ProviderError(
        'UNAVAILABLE',
        `${shown} cannot be watched (${code}): raise fs.inotify.max_user_watches or max_user_instances. Until then it is read at each refresh`,
      );
    default:
      return new ProviderError('UNAVAILABLE', `${shown} cannot be watched (${code}). It is read at each refresh`);
  }
}
