import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { ensureReferenceTool } from './ensure-reference-tool.ts';

/** What the reference `age` decrypts with a file of identities. Throws with what it said. */
export async function decryptWithAge(file: string | Uint8Array, identityFile: string): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'age-'));
  try {
    const path = join(folder, 'key.txt');
    await writeFile(path, identityFile);
    return await run(await ensureReferenceTool('age'), ['-d', '-i', path], file);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** An armored file of the reference `age`. */
export async function encryptWithAge(value: string | Uint8Array, recipients: readonly string[]): Promise<string> {
  const flags = recipients.flatMap((recipient) => ['-r', recipient]);
  return (await run(await ensureReferenceTool('age'), ['-a', ...flags], value)).toString();
}

/** The public keys of a file of identities. */
export async function recipientsOfKeygen(identityFile: string): Promise<readonly string[]> {
  const output = await run(await ensureReferenceTool('age-keygen'), ['-y'], identityFile);
  return output.toString().trim().split('\n');
}

/** A new file of identities of `age-keygen`. */
export async function generateWithKeygen(...flags: readonly string[]): Promise<string> {
  return (await run(await ensureReferenceTool('age-keygen'), flags, '')).toString();
}

async function run(program: string, commandArguments: readonly string[], input: string | Uint8Array): Promise<Buffer> {
  const child = spawn(program, commandArguments);
  // It may refuse before it has read all.
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const closed = new Promise<number | null>((resolve) => child.on('close', resolve));
  const [output, errors, code] = await Promise.all([buffer(child.stdout), text(child.stderr), closed]);
  if (code !== 0) throw new Error(errors);
  return output;
}
