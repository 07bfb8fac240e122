import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { SecretValue } from './secret-value.ts';

const value = SecretValue.of('s3cr3t-value');

test('a value is never printed: string, JSON, inspection', () => {
  const printed = [
    `${value}`,
    String(value),
    JSON.stringify({ value }),
    inspect(value, { showHidden: true, depth: 9 }),
    inspect({ a: [value] }),
  ];
  for (const text of printed) {
    expect(text).toContain('[secret]');
    expect(text).not.toContain('s3cr3t');
  }
});

test('reveal gives the bytes back, whatever they are', () => {
  expect(Buffer.from(SecretValue.of(Uint8Array.of(0, 255, 13, 10)).reveal())).toEqual(Buffer.from([0, 255, 13, 10]));
  expect(SecretValue.of('').byteLength).toBe(0);
});

test('changing the bytes given does not change the value', () => {
  const bytes = Uint8Array.of(1, 2, 3);
  const copy = SecretValue.of(bytes);
  bytes[0] = 9;
  expect([...copy.reveal()]).toEqual([1, 2, 3]);
});

test('text is undefined for bytes that are not UTF-8, and keeps a byte order mark', () => {
  expect(SecretValue.of(Uint8Array.of(0xff, 0xfe)).text()).toBeUndefined();
  expect(SecretValue.of('\uFEFFx').text()).toBe('\uFEFFx');
});

test('equal bytes are equal', () => {
  expect(value.equals(SecretValue.of('s3cr3t-value'))).toBe(true);
  expect(value.equals(SecretValue.of('s3cr3t-valuE'))).toBe(false);
});
