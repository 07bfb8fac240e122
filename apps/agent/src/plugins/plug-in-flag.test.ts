import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { digestOf, plugInFlag, readPlugInFlags } from './plug-in-flag.ts';

const digest = digestOf(Buffer.from('export default {}'));

test('a flag names a type, a file and its digest; a type may be a path, and a path may hold an @ or =', () => {
  const flags = [`nas=/config/nas.mjs@${digest}`, `./@ann/nas.ts=a=b/@ann/nas.ts@${digest}`];
  expect([...readPlugInFlags(flags).values()]).toEqual([
    { name: 'nas', path: '/config/nas.mjs', digest },
    { name: './@ann/nas.ts', path: resolve('a=b/@ann/nas.ts'), digest },
  ]);
});

test('the digest is what openssl and subresource integrity say', () => {
  expect(digestOf(Buffer.from(''))).toBe('sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=');
});

test.each([
  'nas',
  'nas=',
  '=./nas.mjs',
  'nas=./nas.mjs',
  'nas=./nas.mjs@sha256-short',
  `nas=@${digest}`,
  `nas=a@${digest}x`,
])('the flag %s is a mistake that says what is right', (flag) => {
  expect(() => readPlugInFlags([flag])).toThrow(`--plugin ${flag} is not of the form --plugin NAME=PATH@sha256-BASE64`);
});

test('two files for one type, and a file for a built-in type, are mistakes', () => {
  expect(() => readPlugInFlags([`nas=a@${digest}`, `nas=b@${digest}`])).toThrow('--plugin names nas twice');
  expect(() => readPlugInFlags([`doppler=a@${digest}`])).toThrow('doppler comes with the agent');
});

test('a flag can be copied into a shell as it is printed', () => {
  expect(plugInFlag({ name: 'nas', path: '/config/nas.mjs', digest })).toBe(`--plugin nas=/config/nas.mjs@${digest}`);
  expect(plugInFlag({ name: 'nas', path: "/it's a/nas.mjs", digest })).toBe(
    `--plugin 'nas=/it'\\''s a/nas.mjs@${digest}'`,
  );
});
