import { fchmodSync, fstatSync } from 'node:fs';
import type { Edge } from '../edge.ts';

const OF_OTHERS = 0o077;

/**
 * Before something secret goes into a file that standard output was sent to: one that the shell has just made becomes its owner's alone.
 * Whether others can read what is written: then the file held something already, and its mode is left to its owner.
 */
export function keepPrivate({ stdout }: Pick<Edge, 'stdout'>): { readonly othersCanRead: boolean } {
  if (!('fd' in stdout) || typeof stdout.fd !== 'number' || process.platform === 'win32') return NOBODY_ELSE;
  try {
    const stats = fstatSync(stdout.fd);
    if (!stats.isFile() || (stats.mode & OF_OTHERS) === 0) return NOBODY_ELSE;
    if (stats.size === 0) fchmodSync(stdout.fd, stats.mode & 0o700);
    return { othersCanRead: stats.size > 0 };
  } catch {
    return { othersCanRead: true };
  }
}

const NOBODY_ELSE = { othersCanRead: false };

export const OTHERS_CAN_READ = 'others on this machine can read the file that this goes into: chmod 600 it';
