import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import type { LoadConfigOptions } from '../load-config-file.ts';
import { styleFor } from '../output/style.ts';
import { rewrapConfig } from '../sealing/rewrap-config.ts';
import type { RewrapOptions } from '../sealing/rewrap-config.ts';
import { rewrapJson, rewrappedText } from '../sealing/rewrap-text.ts';
import { SealedConfig } from '../sealing/sealed-config.ts';
import { findSealed } from '../sealing/sealed-fields.ts';

export type RewrapCommandOptions = LoadConfigOptions & RewrapOptions;

/** Seals what is sealed anew where its recipients are not those of the config any more. What it is bound to stays. */
export async function rewrap(paths: readonly string[], options: RewrapCommandOptions, edge: Edge): Promise<ExitCode> {
  const before = await SealedConfig.read(options, edge);
  const { config } = before;
  const fields = findSealed(config, paths, options.config);
  const { steps, files } = await rewrapConfig(
    { before, fields, recipients: [...config.recipients.values()] },
    options,
    edge,
  );
  edge.stdout.write(
    options.json === true
      ? `${JSON.stringify({ values: rewrapJson(steps), files }, null, 2)}\n`
      : rewrappedText(steps, files, styleFor(edge, edge.stdout)),
  );
  return EXIT.fine;
}
