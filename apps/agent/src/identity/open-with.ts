import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { buffer } from 'node:stream/consumers';
import { SecretValue } from '@hikyaku/core';
import { open, readHeader, SealedError } from '@hikyaku/sealing';
import type { Opened } from '@hikyaku/sealing';
import type { Edge } from '../edge.ts';
import { UserError } from '../user-error.ts';
import { isOfPlugIn } from './find-identities.ts';
import type { FoundIdentity } from './find-identities.ts';

/**
 * Opens a sealed text with a person's keys; those in hardware come last, as they may want a touch or a PIN. Throws a SealedError, which
 * says which keys were tried.
 */
export async function openWith(text: string, found: readonly FoundIdentity[], edge: Edge): Promise<Opened> {
  const plugIns = found.filter(isOfPlugIn);
  const keys = found.filter((one) => !isOfPlugIn(one)).map(({ identity }) => identity);
  try {
    return await open(text, keys);
  } catch (error) {
    if (!(error instanceof SealedError) || error.code !== 'NOT_FOR_THIS_KEY') throw error;
    const opened = plugIns.length === 0 ? undefined : await openByAge(text, plugIns, edge);
    if (opened !== undefined) return opened;
    const tried = [...new Set(found.map(({ from }) => from))].join(', ');
    throw new SealedError(error.code, `${error.message}; tried ${tried}`);
  }
}

/** The `age` command finds the plug-ins and asks on the terminal itself. Undefined where it does not open it, and has said why. */
async function openByAge(text: string, found: readonly FoundIdentity[], edge: Edge): Promise<Opened | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'hikyaku-age-'));
  try {
    const path = join(folder, 'sealed.age');
    await writeFile(path, text);
    const value = await decrypted(path, found.map(({ identity }) => `${identity}\n`).join(''), edge);
    // Of a file that age has opened, the header is authenticated.
    return value && { value: SecretValue.of(value), header: await readHeader(text) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function decrypted(path: string, identities: string, { env, signal }: Edge): Promise<Buffer | undefined> {
  const child = spawn('age', ['-d', '-i', '-', path], { env, signal, stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject).on('close', resolve);
  });
  // It may refuse before it has read all.
  child.stdin.on('error', () => {});
  child.stdin.end(identities);
  const [code, output] = await Promise.all([ended, buffer(child.stdout)]).catch(() => {
    signal.throwIfAborted();
    throw new UserError('keys of age plug-ins are used by the `age` command, and it is not in the PATH');
  });
  return code === 0 ? output : undefined;
}
