import { SecretValue } from '@hikyaku/core';
import { expect, test } from 'vitest';
import { tokenText } from './token-text.ts';

const options = { path: 'token', what: 'a token of acme' };

test('the last line break of a file is not part of a token', () => {
  expect(tokenText(SecretValue.of('abc\n'), options)).toBe('abc');
});

test.each(['', ' \n', 's3cr3t\ns3cr3t', 's3cr3t s3cr3t', 's3cr3té'])('%j is not a token', (text) => {
  const read = () => tokenText(SecretValue.of(text), options);
  expect(read).toThrow(expect.objectContaining({ code: 'INVALID_CONFIG' }));
  expect(read).toThrow(/^what `token` points to is not a token of acme: (?!.*s3cr3t)/);
});
