import type { Config } from '@hikyaku/config';
import type { CallOptions } from '@hikyaku/core';
import { open, SealedError } from '@hikyaku/sealing';
import { sealedFields } from '../sealing/sealed-fields.ts';
import type { SealedField } from '../sealing/sealed-fields.ts';

/** The sealed values of a config that some of `older` opens and none of `newer`: tried, so that no header can say otherwise. */
export async function openedOnlyBy(
  config: Config,
  { older, newer }: { readonly older: readonly string[]; readonly newer: readonly string[] },
  { signal }: CallOptions,
): Promise<readonly SealedField[]> {
  const found: SealedField[] = [];
  for (const field of sealedFields(config)) {
    signal.throwIfAborted();
    const { text } = field.sealed;
    if (!(await opens(text, newer)) && (await opens(text, older))) found.push(field);
  }
  return found;
}

async function opens(text: string, identities: readonly string[]): Promise<boolean> {
  try {
    if (identities.length > 0) await open(text, identities);
    return identities.length > 0;
  } catch (error) {
    if (error instanceof SealedError) return false;
    throw error;
  }
}
