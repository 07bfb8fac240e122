import { nearest } from '@hikyaku/config';
import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import { loadConfigFile } from '../load-config-file.ts';
import type { LoadConfigOptions } from '../load-config-file.ts';
import { printable } from '../output/printable.ts';
import { styleFor } from '../output/style.ts';
import { exposureText } from '../sealing/exposure-text.ts';
import { exposureOf, knownNames } from '../sealing/exposure.ts';
import { valuesIn } from '../sealing/lint-values.ts';
import { UserError } from '../user-error.ts';

export type ExposureOptions = LoadConfigOptions;

/** Lists what a cluster can read, or could, as a checklist for the day it is stolen. Needs no key, asks nobody, shows no value. */
export async function exposure(cluster: string, options: ExposureOptions, edge: Edge): Promise<ExitCode> {
  const config = await loadConfigFile(options, edge);
  const values = await valuesIn(config);
  const known = knownNames(config, values);
  if (!known.has(cluster)) {
    const near = nearest(cluster, known);
    const hint = near === undefined ? `there are: ${[...known].join(', ') || 'none'}` : `did you mean ${near}?`;
    throw new UserError(printable(`no recipient ${cluster} is known to ${options.config}; ${hint}`));
  }
  const exposed = exposureOf(config, values, cluster);
  edge.stdout.write(
    options.json ? `${JSON.stringify(exposed, null, 2)}\n` : exposureText(exposed, styleFor(edge, edge.stdout)),
  );
  return EXIT.fine;
}
