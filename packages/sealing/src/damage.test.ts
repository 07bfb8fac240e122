import { SecretValue } from '@hikyaku/core';
import { beforeAll, expect, test } from 'vitest';
import { decodeArmor, encodeArmor } from './armor.ts';
import { bindingOf } from './binding.ts';
import { generateIdentity, parseIdentities } from './identities.ts';
import { open } from './open.ts';
import { seal } from './seal.ts';
import { readHeader } from './sealed-header.ts';

const value = SecretValue.of('a value that must not change');
let sealed: string;
let file: Buffer;
let identities: readonly string[];

beforeAll(async () => {
  const key = await generateIdentity();
  identities = parseIdentities(key.file);
  const binding = bindingOf('doppler', 'token', ['https://api.doppler.com']);
  sealed = await seal(value, { recipients: new Map([['home', [key.recipient]]]), binding, now: 0 });
  file = Buffer.from(decodeArmor(sealed));
});

/** `same`, or the error's code. A wrong value, and any other error, ends the test. */
async function outcomeOf(text: string): Promise<string> {
  expect(['same', 'DAMAGED']).toContain(await codeOf(readHeader(text)));
  return codeOf(
    open(text, identities).then((opened) => {
      if (!opened.value.equals(value)) throw new Error('another value came out');
      if (opened.header.binding?.use !== 'doppler/token') throw new Error('another use came out');
    }),
  );
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'same',
    (error: unknown) => {
      if (error instanceof Error && 'code' in error) return String(error.code);
      throw error;
    },
  );
}

test('a flipped bit anywhere in the file gives no value', async () => {
  const codes = new Map<string, number>();
  const header = file.lastIndexOf('\n--- ') + 50;
  for (let bit = 0; bit < file.length * 8; bit += 1) {
    // Each bit of the header; of the value, which one tag covers, one in eight.
    if (bit / 8 > header && bit % 8 !== Math.trunc(bit / 8) % 8) continue;
    const flipped = Buffer.from(file);
    flipped.writeUInt8(flipped.readUInt8(Math.trunc(bit / 8)) ^ (1 << (bit % 8)), Math.trunc(bit / 8));
    const code = await outcomeOf(encodeArmor(flipped));
    codes.set(code, (codes.get(code) ?? 0) + 1);
  }
  expect([...codes.keys()].toSorted()).toEqual(['DAMAGED', 'NOT_FOR_THIS_KEY']);
  expect(codes.get('DAMAGED')).toBeGreaterThan(1000);
});

test('another character anywhere in the text gives no value, or the very same where it is white space', async () => {
  const changed: string[] = [];
  for (let index = 0; index < sealed.length; index += 1) {
    const character = sealed.charAt(index);
    for (const other of ['A', '=', ' ', '\n', '\0', '-', String.fromCharCode(character.charCodeAt(0) ^ 1)]) {
      const outcome = await outcomeOf(sealed.slice(0, index) + other + sealed.slice(index + 1));
      if (outcome === 'same') changed.push(character + other);
    }
  }
  expect(changed.filter((pair) => pair[0] !== pair[1] && pair.trim() !== '')).toEqual([]);
});

test('a text or a file cut off at any length gives no value', async () => {
  const visible = sealed.trimEnd().length;
  for (let length = 0; length < visible; length += 1) expect(await outcomeOf(sealed.slice(0, length))).toBe('DAMAGED');
  for (let length = 0; length < file.length; length += 1)
    expect(await outcomeOf(encodeArmor(file.subarray(0, length)))).toBe('DAMAGED');
});

test('bytes more at the end, or a line twice, give no value', async () => {
  expect(await outcomeOf(encodeArmor(Buffer.concat([file, Buffer.of(0)])))).toBe('DAMAGED');
  expect(await outcomeOf(sealed + sealed)).toBe('DAMAGED');
  const lines = sealed.split('\n');
  for (let index = 0; index < lines.length - 1; index += 1)
    expect(await outcomeOf(lines.toSpliced(index, 0, lines[index] ?? '').join('\n'))).toBe('DAMAGED');
});

test('each kind of damage says what it is', async () => {
  const texts = {
    'bad header MAC: it was changed after it was sealed': encodeArmor(replaced('home', 'hame')),
    'truncated: its value is cut off': encodeArmor(file.subarray(0, -30)),
    'truncated, or its value was changed after it was sealed': encodeArmor(file.subarray(0, -1)),
    'truncated: its header is cut off': encodeArmor(file.subarray(0, 90)),
    'truncated: it must end with -----END AGE ENCRYPTED FILE-----': sealed.slice(0, 200),
    'its base64 is damaged': sealed.replace('YWdl', 'YWd'),
    'between its first and its last line stands more than base64': sealed.replace('YWdl', 'YW!l'),
    'it is no armored age file: it must begin with -----BEGIN AGE ENCRYPTED FILE-----': 'dp.st.prd.token',
    'its first line says no version of age that is known here': encodeArmor(Buffer.from('hello\n')),
  };
  for (const [message, text] of Object.entries(texts)) {
    const error: unknown = await open(text, identities).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'DAMAGED', message });
  }
});

/** With other words in what the header says of its use, which is as long. */
function replaced(from: string, to: string): Buffer {
  const text = file.toString('latin1');
  const body = /(?<=bind v1\n)[^-]+?(?=\n->)/.exec(text)?.[0] ?? '';
  const other = Buffer.from(body, 'base64').toString().replaceAll(from, to);
  const lines =
    Buffer.from(other)
      .toString('base64')
      .replace(/=+$/, '')
      .match(/.{1,64}/g) ?? [];
  return Buffer.from(text.replace(body, lines.join('\n')), 'latin1');
}
