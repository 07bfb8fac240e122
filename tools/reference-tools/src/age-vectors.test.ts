import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { SecretValue } from '@hikyaku/core';
import { open, openWithPassphrase, readHeader, SealedError } from '@hikyaku/sealing';
import { beforeAll, expect, test } from 'vitest';
import { decryptWithAge } from './age-command.ts';
import { parseAgeVector, sha256 } from './age-vector.ts';
import type { AgeVector } from './age-vector.ts';
import { ensureReferenceTool } from './index.ts';

/** Longer than the text of a sealed value may be. */
const TOO_LONG = 3 * 1024 * 1024;

let vectors: readonly AgeVector[];

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'age-vectors-'));
  try {
    await promisify(execFile)(await ensureReferenceTool('age-vectors'), [folder]);
    const names = (await readdir(folder)).toSorted();
    vectors = await Promise.all(names.map(async (name) => parseAgeVector(name, await readFile(join(folder, name)))));
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('the published vectors of age for keys open, or fail, as they say', async () => {
  const chosen = vectors.filter((vector) => !vector.isArmored && vector.passphrases.length === 0);
  const skipped = chosen.filter(({ file }) => file.length > TOO_LONG).map(({ name }) => name);
  const ran = chosen.filter(({ name }) => !skipped.includes(name));
  const wrong: string[] = [];
  for (const vector of ran) {
    const outcome = await outcomeOf(open(armored(vector.file), vector.identities).then(({ value }) => value));
    if (!expected(vector).test(outcome)) wrong.push(`${vector.name}: ${outcome}`);
  }
  process.stdout.write(`age vectors for keys: ${ran.length} ran, ${skipped.length} too long: ${skipped.join(' ')}\n`);
  expect(wrong).toEqual([]);
  expect(ran).toHaveLength(82);
  expect(skipped).toEqual(['stream_257_chunks', 'stream_257_chunks_full', 'stream_258_chunks']);
});

test('without a key, the header of every vector that opens can be read, and says nothing of a binding', async () => {
  const opened = vectors.filter(({ file, expect: outcome }) => outcome === 'success' && file.length < TOO_LONG);
  for (const { file, isArmored } of opened)
    expect(await readHeader(isArmored ? file.toString('latin1') : armored(file))).not.toHaveProperty('binding');
  expect(opened.length).toBeGreaterThan(20);
});

test('armor of the vectors opens where it must; where it may not, it fails or gives what its base64 says', async () => {
  const chosen = vectors.filter((vector) => vector.isArmored && vector.passphrases.length === 0);
  const wrong: string[] = [];
  const lenient: string[] = [];
  for (const vector of chosen) {
    const text = vector.file.toString('latin1');
    const outcome = await outcomeOf(open(text, vector.identities).then(({ value }) => value));
    if (vector.expect === 'armor failure' && !outcome.startsWith('DAMAGED ')) {
      lenient.push(vector.name);
      const base64 = text.trim().split(/\s*-----[A-Z ]+-----\s*/)[1] ?? '';
      const opened = await decryptWithAge(armored(Buffer.from(base64, 'base64')), vector.identities.join('\n'));
      if (outcome !== sha256(opened)) wrong.push(`${vector.name}: ${outcome}`);
    } else if (!expected(vector).test(outcome)) wrong.push(`${vector.name}: ${outcome}`);
  }
  process.stdout.write(
    `age vectors for armor: ${chosen.length} ran; laid out otherwise, opened all the same: ${lenient.join(' ')}\n`,
  );
  expect(wrong).toEqual([]);
  expect(chosen).toHaveLength(36);
});

test('the vectors for passphrases open, or fail, as they say', async () => {
  const chosen = vectors.filter(({ passphrases }) => passphrases.length > 0);
  const wrong: string[] = [];
  for (const { name, file, passphrases, ...vector } of chosen) {
    const outcome = await outcomeOf(openWithPassphrase(file, passphrases[0] ?? ''));
    const fits = vector.expect === 'success' ? outcome === vector.payload : /^(DAMAGED|INVALID_KEY) /.test(outcome);
    if (!fits) wrong.push(`${name}: ${outcome}`);
  }
  process.stdout.write(`age vectors for passphrases: ${chosen.length} ran\n`);
  expect(wrong).toEqual([]);
  expect(chosen).toHaveLength(26);
});

/** The hash of what came out, or the error's code and message. Anything but a SealedError fails the test. */
async function outcomeOf(opening: Promise<SecretValue>): Promise<string> {
  try {
    return sha256((await opening).reveal());
  } catch (error) {
    if (!(error instanceof SealedError)) throw error;
    return `${error.code} ${error.message}`;
  }
}

function expected(vector: AgeVector): RegExp {
  switch (vector.expect) {
    case 'success':
      return new RegExp(`^${vector.payload}$`);
    case 'no match':
      return /^NOT_FOR_THIS_KEY /;
    case 'HMAC failure':
      return /^DAMAGED bad header MAC/;
    case 'header failure':
    case 'payload failure':
    case 'armor failure':
      return /^DAMAGED /;
  }
}

function armored(file: Buffer): string {
  const lines = file.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN AGE ENCRYPTED FILE-----', ...lines, '-----END AGE ENCRYPTED FILE-----', ''].join('\n');
}
