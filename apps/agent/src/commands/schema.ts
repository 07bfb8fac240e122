import { jsonSchema } from '@hikyaku/config';
import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import { loadAllBuiltIn } from '../providers.ts';

/** Prints the JSON Schema of the config file. */
export async function schema(edge: Edge): Promise<ExitCode> {
  edge.stdout.write(`${JSON.stringify(jsonSchema(await loadAllBuiltIn()), null, 2)}\n`);
  return EXIT.fine;
}
