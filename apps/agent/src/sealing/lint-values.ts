import type { Config } from '@hikyaku/config';
import { readHeader, SealedError } from '@hikyaku/sealing';
import type { SealedHeader } from '@hikyaku/sealing';
import { sealedFields } from './sealed-fields.ts';
import type { SealedField } from './sealed-fields.ts';

/** One sealed value of a config, as it can be seen without a key. */
export interface ValueSeen extends SealedField {
  /** What is wrong with it where it cannot be read. */
  readonly header: SealedHeader | SealedError;
}

/** Every sealed value, in the order of the config. */
export async function valuesIn(config: Config): Promise<readonly ValueSeen[]> {
  return await Promise.all(
    sealedFields(config).map(async (field) => ({ ...field, header: await headerOf(field.sealed.text) })),
  );
}

async function headerOf(text: string): Promise<SealedHeader | SealedError> {
  try {
    return await readHeader(text);
  } catch (error) {
    if (error instanceof SealedError) return error;
    throw error;
  }
}
