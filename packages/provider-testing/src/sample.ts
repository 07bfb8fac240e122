import { randomBytes } from 'node:crypto';

export function bytesOf(value: string | Uint8Array): Uint8Array {
  return typeof value === 'string' ? Buffer.from(value, 'utf8') : value;
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** A value that nothing else holds by chance. */
export function randomText(): string {
  return `v${randomBytes(18).toString('hex')}`;
}

/** Every byte there is, in an order that is no UTF-8. */
export function allBytes(): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, index) => 255 - index);
}

/** Texts that something between the service and the cluster may want to change. */
export const TEXTS: readonly string[] = [
  'line one\nline two\n',
  'carriage\r\nreturn\r',
  '  spaces around  ',
  '\ttab\t',
  '"double" \'single\' `back` \\ slash',
  '<a href="x?y=1&z=2">&amp;</a>',
  '100% %41 a+b=c',
  'ünïcode 飛脚 🏯 e\u0301',
  '\uFEFFmarked',
  'null',
  'true',
  '1.50',
  '9007199254740993',
  '1e400',
  '{"a": {"b": 1.0}}',
  '[]',
  '# no comment',
  'A=B',
  'aGVsbG8=',
  '-----BEGIN X-----\nabc\n-----END X-----\n',
];
