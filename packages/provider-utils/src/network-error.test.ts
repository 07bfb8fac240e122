import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { networkError } from './network-error.ts';

function failure(code: string, more: object = {}): Error {
  return Object.assign(new Error(`failed with ${code}`), { code, ...more });
}

test.each([
  ['ENOTFOUND', 'DNS'],
  ['ECONNREFUSED', 'port'],
  ['UND_ERR_CONNECT_TIMEOUT', 'NetworkPolicy'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', '`ca`'],
  ['CERT_HAS_EXPIRED', 'Renew'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'another name'],
])('the message of %s names the host and the code, and says what to do', (code, remedy) => {
  const error = networkError(failure(code), 'https://api.doppler.com/v3/me');
  expect(error).toMatchObject({ code: 'UNAVAILABLE', retryable: true });
  expect(error.message).toContain('api.doppler.com');
  expect(error.message).toContain(code);
  expect(error.message).toContain(remedy);
});

test('the innermost code is named', () => {
  expect(
    networkError(new TypeError('fetch failed', { cause: failure('ENOTFOUND') }), 'https://a.test').message,
  ).toContain('(ENOTFOUND)');
  expect(
    networkError(new AggregateError([failure('ECONNREFUSED'), failure('ENETUNREACH')]), 'https://a.test').message,
  ).toContain('(ECONNREFUSED)');
});

test('what the parser choked on is not carried along', () => {
  const error = networkError(failure('HPE_INVALID_CHUNK_SIZE', { data: 's3cr3t' }), 'https://a.test');
  expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('s3cr3t');
});
