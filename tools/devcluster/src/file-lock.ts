import { randomUUID } from 'node:crypto';
import { readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

const pollMs = 500;
const heartbeatMs = 5000;
const staleAfterMs = 60_000;

export interface FileLockOptions {
  /** Called once when another process holds the lock. */
  readonly onWait: () => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs `work` while holding a lock file. A lock whose process has ended, or has not touched it for a minute, is taken over. Two processes
 * may do that in the same instant and then both work, so the work must bear being done twice.
 */
export async function withFileLock<T>(
  path: string,
  { onWait, signal }: FileLockOptions,
  work: () => Promise<T>,
): Promise<T> {
  let waiting = false;
  while (!(await tryLock(path))) {
    if (await isStale(path)) {
      await breakLock(path);
      continue;
    }
    if (!waiting) onWait();
    waiting = true;
    await sleep(pollMs, undefined, signal === undefined ? {} : { signal });
  }
  const heartbeat = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => {
      // Someone removed the cache; the build still ends well.
    });
  }, heartbeatMs);
  try {
    return await work();
  } finally {
    clearInterval(heartbeat);
    await rm(path, { force: true });
  }
}

async function tryLock(path: string): Promise<boolean> {
  try {
    await writeFile(path, JSON.stringify({ host: hostname(), pid: process.pid }), { flag: 'wx' });
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  }
}

async function isStale(path: string): Promise<boolean> {
  try {
    if (Date.now() - (await stat(path)).mtimeMs > staleAfterMs) return true;
    const holder: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (typeof holder !== 'object' || holder === null || !('host' in holder) || !('pid' in holder)) return false;
    return holder.host === hostname() && typeof holder.pid === 'number' && !isRunning(holder.pid);
  } catch {
    // Gone, or not fully written yet: the next try tells.
    return false;
  }
}

async function breakLock(path: string): Promise<void> {
  // Renamed first, so that only one of several waiting processes removes this lock.
  const broken = `${path}.${randomUUID()}`;
  try {
    await rename(path, broken);
    await rm(broken, { force: true });
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !hasCode(error, 'ESRCH');
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
