import { ProviderError } from '@hikyaku/core';
import { parseJson } from '@hikyaku/provider-utils';
import { field } from './field.ts';

/** The names in `{"names": ["A", "B"]}`; anything else is `INVALID_RESPONSE`. */
export function parseNames(body: Uint8Array): readonly string[] {
  const names = field(parseJson(body), 'names');
  if (Array.isArray(names) && names.every(isName)) return names;
  throw new ProviderError(
    'INVALID_RESPONSE',
    'this is not a list of names of Doppler. Check that `url` is the Doppler API and that no proxy answers in its place',
  );
}

function isName(name: unknown): name is string {
  return typeof name === 'string' && name !== '' && !name.includes('\0');
}
