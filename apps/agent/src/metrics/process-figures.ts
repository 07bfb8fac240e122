import { readdir } from 'node:fs/promises';
import { cpuUsage, memoryUsage } from 'node:process';
import type { ProcessFigures } from './samples.ts';

/** Whether the process is near its limit, busy, forgets to close something, or was started again. */
export async function processFigures(): Promise<ProcessFigures> {
  const { user, system } = cpuUsage();
  const openFiles = await readdir('/proc/self/fd').then(
    ({ length }) => length,
    () => undefined,
  );
  return {
    residentBytes: memoryUsage.rss(),
    cpuSeconds: (user + system) / 1_000_000,
    startedAtSeconds: performance.timeOrigin / 1_000,
    ...(openFiles !== undefined && { openFiles }),
  };
}
