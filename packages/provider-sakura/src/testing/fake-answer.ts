import { randomBytes } from 'node:crypto';
import { json as plainJson } from '@hikyaku/provider-utils/testing';
import type { FakeAnswer } from '@hikyaku/provider-utils/testing';

export function json(status: number, body: unknown): FakeAnswer {
  return plainJson(status, body, { 'content-type': 'application/json; charset=UTF-8' });
}

const REASONS: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  409: 'Conflict',
  413: 'RequestEntityTooLarge',
  423: 'Locked',
  429: 'TooManyRequests',
  500: 'InternalServerError',
  503: 'ServiceUnavailable',
};

/** The JSON in which the IaaS API of SAKURA Cloud says no; that the Secret Manager does the same is inferred. */
export function refuse(status: number, errorCode: string, message: string): FakeAnswer {
  return json(status, {
    is_fatal: true,
    serial: randomBytes(16).toString('hex'),
    status: `${status} ${REASONS[status] ?? 'Error'}`,
    error_code: errorCode,
    error_msg: message,
  });
}

/** The JSON in which the vendor's mock says no. */
export function refuseAsMock(status: number, message: string): FakeAnswer {
  return json(status, { error: message });
}
