import { json } from '@hikyaku/provider-utils/testing';
import type { FakeAnswer } from '@hikyaku/provider-utils/testing';

/** The JSON in which a service of the protocol says no. */
export function refuse(status: number, code: string, message: string): FakeAnswer {
  return json(status, { error: { code, message } });
}
