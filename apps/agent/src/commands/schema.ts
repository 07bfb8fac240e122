import { grantsJsonSchema, jsonSchema } from '@hikyaku/config';
import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import { loadAllBuiltIn } from '../providers.ts';

export interface SchemaOptions {
  readonly grants?: boolean;
}

/** Prints the JSON Schema of the config file, or of `grants.yaml`. */
export async function schema({ grants = false }: SchemaOptions, edge: Edge): Promise<ExitCode> {
  const document = grants ? grantsJsonSchema() : jsonSchema(await loadAllBuiltIn());
  edge.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
  return EXIT.fine;
}
