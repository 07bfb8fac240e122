import { json } from '@hikyaku/provider-utils/testing';
import type { FakeAnswer } from '@hikyaku/provider-utils/testing';

export interface FakeFailure {
  readonly reason: string;
  readonly message: string;
  readonly name?: string;
  /** What is missing, or in the way: `secrets`, `namespaces`. */
  readonly kind?: string;
  readonly causes?: readonly { readonly reason: string; readonly field: string; readonly message: string }[];
}

/** The object in which the API server says no. */
export function statusOf(code: number, { reason, message, name, kind, causes }: FakeFailure): object {
  const details = {
    ...(name !== undefined && { name }),
    ...(kind !== undefined && { kind }),
    ...(causes && { causes }),
  };
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, details, code };
}

export function refuse(code: number, failure: FakeFailure): FakeAnswer {
  return json(code, statusOf(code, failure));
}
