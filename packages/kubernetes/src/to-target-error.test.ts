import type { TargetErrorCode } from '@hikyaku/engine';
import { TargetError } from '@hikyaku/engine';
import type { KubeErrorCode, KubeErrorDetails } from '@hikyaku/kube-client';
import { KubeError } from '@hikyaku/kube-client';
import { describe, expect, test } from 'vitest';
import { toTargetError } from './to-target-error.ts';

const NOT_OURS = { policy: 'hikyaku-own', policyMessage: 'hikyaku: not ours: the label is missing' };

describe('what the API server refuses is said in our own words', () => {
  test.each<[code: KubeErrorCode, details: KubeErrorDetails, expected: TargetErrorCode, message: string]>([
    ['INVALID', NOT_OURS, 'FOREIGN', 'kubectl label secret app --namespace web hikyaku.dev/agent=hikyaku'],
    ['FORBIDDEN', NOT_OURS, 'FOREIGN', 'Secret web/app exists and is not ours'],
    [
      'INVALID',
      { policy: 'hikyaku-own', policyMessage: 'hikyaku: the type is reserved' },
      'NOT_GRANTED',
      'not granted: the type is reserved',
    ],
    [
      'INVALID',
      { policy: 'hikyaku-own', policyParametersMissing: true },
      'NOT_GRANTED',
      'ConfigMap hikyaku/hikyaku-grants',
    ],
    ['FORBIDDEN', { terminating: true, reason: 'Forbidden' }, 'NAMESPACE_MISSING', 'namespace web is being deleted'],
    ['NOT_FOUND', { kind: 'namespaces', name: 'web' }, 'NAMESPACE_MISSING', 'namespace web does not exist'],
    ['NOT_FOUND', { kind: 'secrets' }, 'UNAVAILABLE', 'a request'],
    [
      'INVALID',
      { causes: [{ field: 'type', reason: 'FieldValueInvalid' }] },
      'UNCHANGEABLE',
      'type cannot change in place',
    ],
    [
      'INVALID',
      { causes: [{ field: 'data', reason: 'FieldValueForbidden' }, { field: 'immutable' }] },
      'UNCHANGEABLE',
      'data, immutable cannot change',
    ],
    ['INVALID', { causes: [{ field: 'data', reason: 'FieldValueTooLong' }] }, 'INVALID', 'data: FieldValueTooLong'],
    [
      'INVALID',
      { causes: [{ field: 'data[tls.crt]', reason: 'FieldValueRequired' }], status: 422, reason: 'Invalid' },
      'INVALID',
      '422 Invalid; data[tls.crt]: FieldValueRequired',
    ],
    ['INVALID', { policy: 'somebody-elses', causes: [{ field: 'type' }] }, 'INVALID', 'the policy somebody-elses'],
    ['BAD_REQUEST', { status: 400, reason: 'BadRequest' }, 'INVALID', '400 BadRequest'],
    ['TOO_LARGE', {}, 'INVALID', 'split it'],
    ['FORBIDDEN', {}, 'FORBIDDEN', 'this account may not write it'],
    ['FORBIDDEN', { policy: 'somebody-elses' }, 'FORBIDDEN', 'by the policy somebody-elses'],
    ['FORBIDDEN', { quota: 'small' }, 'FORBIDDEN', 'the quota small of namespace web is used up'],
    ['CONFLICT', {}, 'CONFLICT', 'somebody else keeps changing it'],
    ['ALREADY_EXISTS', {}, 'CONFLICT', 'somebody else keeps changing it'],
    ['UNAUTHENTICATED', {}, 'UNAVAILABLE', 'a request'],
    ['RATE_LIMITED', {}, 'UNAVAILABLE', 'a request'],
    ['UNAVAILABLE', {}, 'UNAVAILABLE', 'a request'],
    ['UNEXPECTED', {}, 'UNAVAILABLE', 'a request'],
    ['GONE', {}, 'UNAVAILABLE', 'a request'],
  ])('%s %j: %s', (code, details, expected, message) => {
    const error = toTargetError(new KubeError(code, 'a request', details), 'web', 'app', 'hikyaku');
    expect(error.code).toBe(expected);
    expect(error.message).toContain(message);
  });
});

test.each<KubeErrorCode>(['RATE_LIMITED', 'UNAVAILABLE', 'CONFLICT'])('%s: how long to wait is passed on', (code) => {
  const error = new KubeError(code, 'a request', { retryAfterMs: 7_000 });
  expect(toTargetError(error, 'web', 'app', 'hikyaku').retryAfterMs).toBe(7_000);
  expect(toTargetError(new KubeError(code, 'a request'), 'web', 'app', 'hikyaku').retryAfterMs).toBeUndefined();
});

test('a TargetError comes through, and any other error is thrown on', () => {
  const ours = new TargetError('FOREIGN', 'no');
  expect(toTargetError(ours, 'web', 'app', 'hikyaku')).toBe(ours);
  const bug = new TypeError('bug');
  expect(() => toTargetError(bug, 'web', 'app', 'hikyaku')).toThrow(bug);
});
