import { SealedError } from '@hikyaku/sealing';
import type { Edge } from '../edge.ts';
import { ConfigError, loadConfigFile } from '../load-config-file.ts';
import type { LoadConfigOptions } from '../load-config-file.ts';
import { valuesIn } from '../sealing/lint-values.ts';

/** When a credential was sealed, as its header says without a key. */
export interface SealedDate {
  /** As people name it: `providers.doppler.token`. */
  readonly path: string;
  readonly sealedAt: string;
}

/** Of the config at hand, in its order; nothing where there is none, or none that is good. No code of plug-ins is run. */
export async function sealedDates(options: LoadConfigOptions, edge: Edge): Promise<readonly SealedDate[]> {
  try {
    const values = await valuesIn(await loadConfigFile({ ...options, plugins: false }, edge));
    return values.flatMap(({ name, header }) =>
      header instanceof SealedError || header.sealedAt === undefined ? [] : [{ path: name, sealedAt: header.sealedAt }],
    );
  } catch (error) {
    if (error instanceof ConfigError) return [];
    throw error;
  }
}
