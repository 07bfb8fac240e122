import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { isKubeError } from './kube-error.ts';
import type { KubeError } from './kube-error.ts';
import { statusError } from './status-error.ts';

const doing = 'create Secret web/db';

function failure(status: number, answer: object, headers: Record<string, string> = {}): KubeError {
  return statusError(doing, status, headers, JSON.stringify({ kind: 'Status', ...answer }));
}

function denied(text: string): object {
  const message = `secrets "db" is forbidden: ValidatingAdmissionPolicy 'own.hikyaku.dev' with binding 'own.hikyaku.dev' denied request: ${text}`;
  return { reason: 'Invalid', message, details: { name: 'db', kind: 'secrets', causes: [{ message }] } };
}

describe('statusError', () => {
  test.each([
    [400, 'BadRequest', 'BAD_REQUEST', false],
    [401, 'Unauthorized', 'UNAUTHENTICATED', false],
    [403, 'Forbidden', 'FORBIDDEN', false],
    [404, 'NotFound', 'NOT_FOUND', false],
    [405, 'MethodNotAllowed', 'UNEXPECTED', false],
    [408, 'Timeout', 'UNAVAILABLE', true],
    [409, 'AlreadyExists', 'ALREADY_EXISTS', false],
    [409, 'Conflict', 'CONFLICT', false],
    [410, 'Expired', 'GONE', false],
    [413, 'RequestEntityTooLarge', 'TOO_LARGE', false],
    [422, 'Invalid', 'INVALID', false],
    [429, 'TooManyRequests', 'RATE_LIMITED', true],
    [500, 'InternalError', 'UNAVAILABLE', true],
    [503, 'ServiceUnavailable', 'UNAVAILABLE', true],
    [302, 'Found', 'UNEXPECTED', false],
  ])('%i %s is %s', (status, reason, code, retryable) => {
    const error = failure(status, { reason });
    expect(error).toMatchObject({ code, status, reason, retryable });
    expect(error.message).toContain(`${doing}: ${status} ${reason}`);
  });

  test('a size that etcd refuses is TOO_LARGE, though it comes as a 500', () => {
    expect(failure(500, { message: 'etcdserver: request is too large' }).code).toBe('TOO_LARGE');
  });

  test('a missing namespace is told from a missing object', () => {
    const error = failure(404, { reason: 'NotFound', details: { name: 'web', kind: 'namespaces' } });
    expect(error).toMatchObject({ kind: 'namespaces', objectName: 'web' });
    expect(error.message).toBe('create Secret web/db: 404 NotFound (namespace web does not exist)');
  });

  test('fields and reasons of the causes are kept, in harmless characters', () => {
    const error = failure(422, {
      reason: 'Invalid',
      details: {
        causes: [
          { field: 'data[my-key]', reason: 'FieldValueInvalid', message: 'Invalid value: "hunter2"' },
          { field: 'data[<b>\n\u001b[31m]', reason: 'FieldValueInvalid' },
          { field: `data[${'k'.repeat(300)}]` },
          { message: 'hunter2' },
        ],
      },
    });
    expect(error.causes).toEqual([
      { field: 'data[my-key]', reason: 'FieldValueInvalid' },
      { field: 'data[b[31m]', reason: 'FieldValueInvalid' },
      { field: `data[${'k'.repeat(95)}` },
    ]);
    expect(error.message).toContain('(data[my-key]; data[b[31m];');
  });

  test('a denial names its policy, and says its text when that is ours', () => {
    const error = failure(422, denied('hikyaku: the label hikyaku.dev/agent is missing'));
    expect(error).toMatchObject({
      policy: 'own.hikyaku.dev',
      policyMessage: 'hikyaku: the label hikyaku.dev/agent is missing',
      policyParametersMissing: false,
    });
    expect(error.message).toContain('denied by ValidatingAdmissionPolicy own.hikyaku.dev');
  });

  test("the text of somebody else's policy is not repeated", () => {
    const error = failure(422, denied('the value hunter2 is too weak'));
    expect(error).toMatchObject({ policy: 'own.hikyaku.dev', policyMessage: undefined });
    expect(inspect(error)).not.toContain('hunter2');
  });

  test('missing parameters of the policy are told', () => {
    const error = failure(
      422,
      denied('failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction'),
    );
    expect(error).toMatchObject({ policy: 'own.hikyaku.dev', policyParametersMissing: true });
  });

  test('a value that looks like a denial is none', () => {
    const message = `Invalid value: "ValidatingAdmissionPolicy 'x' with binding 'x' denied request: hikyaku: hunter2"`;
    expect(failure(422, { message })).toMatchObject({ policy: undefined, policyMessage: undefined });
  });

  test('a namespace that is being deleted is retryable', () => {
    const causes = [{ reason: 'NamespaceTerminating', field: 'metadata.namespace' }];
    const error = failure(403, { reason: 'Forbidden', details: { causes } });
    expect(error).toMatchObject({ code: 'FORBIDDEN', terminating: true, retryable: true });
  });

  test('a quota is named', () => {
    const message = 'secrets "db" is forbidden: exceeded quota: few, requested: secrets=1, used: secrets=0, limited: 0';
    expect(failure(403, { reason: 'Forbidden', message })).toMatchObject({ code: 'FORBIDDEN', quota: 'few' });
  });

  test.each([
    [{ 'retry-after': '7' }, {}, 7_000],
    [{}, { details: { retryAfterSeconds: 3 } }, 3_000],
    [{ 'retry-after': 'soon' }, {}, undefined],
    [{}, {}, undefined],
  ])('the wanted pause comes from the header or the details: %j %j', (headers, body, expected) => {
    expect(failure(429, body, headers as Record<string, string>).retryAfterMs).toBe(expected);
  });

  test.each(['', '<html>hunter2</html>', '"hunter2"', '[1]', '{"details":7,"reason":{}}'])(
    'an answer that is no Status is told by its HTTP status alone: %s',
    (body) => {
      const error = statusError(doing, 502, {}, body);
      expect(error).toMatchObject({ code: 'UNAVAILABLE', reason: undefined });
      expect(error.message).toBe(`${doing}: 502`);
    },
  );

  test('it is recognised without its class', () => {
    expect(isKubeError(failure(404, {}))).toBe(true);
    expect(isKubeError(new Error('x'))).toBe(false);
  });
});
