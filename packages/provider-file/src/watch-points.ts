import { lstat, readlink } from 'node:fs/promises';
import { dirname, isAbsolute, join, sep } from 'node:path';
import type { Boundary } from './boundary.ts';
import { isMissing } from './file-error.ts';

/** Directories to watch, and the names in them that matter; `all`: every name. */
export type WatchPoints = ReadonlyMap<string, ReadonlySet<string> | 'all'>;

const MOST_LINKS = 40;

/**
 * All places where a change can lead `path` to something else: each directory on the way, links followed, as far as there is a way
 * and inside of the boundary. So a link that is swapped is seen, and a directory that comes back.
 */
export async function watchPoints(path: string, boundary: Boundary): Promise<WatchPoints> {
  const points = new Map<string, Set<string> | 'all'>();
  function add(directory: string, name: string): void {
    if (!boundary.contains(directory)) return;
    const names = points.get(directory) ?? new Set();
    points.set(directory, names);
    if (names !== 'all') names.add(name);
  }

  let place: string = sep;
  let links = 0;
  const ahead = partsOf(path);
  for (let part = ahead.shift(); part !== undefined; part = ahead.shift()) {
    if (part === '..') {
      place = dirname(place);
      continue;
    }
    const next = join(place, part);
    add(place, part);
    const stats = await lstat(next).catch(refuseAllBut(isMissing));
    if (stats === undefined) return points;
    if (stats.isSymbolicLink()) {
      links += 1;
      const target = links > MOST_LINKS ? undefined : await readlink(next).catch(refuseAllBut(isMissing));
      if (target === undefined) return points;
      ahead.unshift(...partsOf(target));
      if (isAbsolute(target)) place = sep;
    } else if (ahead.length === 0 && stats.isDirectory()) {
      if (boundary.contains(next)) points.set(next, 'all');
    } else {
      place = next;
    }
  }
  return points;
}

function partsOf(path: string): string[] {
  return path.split(sep).filter((part) => part !== '' && part !== '.');
}

function refuseAllBut(expected: (error: unknown) => boolean): (error: unknown) => undefined {
  return (error) => {
    if (!expected(error)) throw error;
    return undefined;
  };
}
