import { grantsData } from '@hikyaku/config';
import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import { grantsConfigMapText, grantsFileText } from '../grants/grants-files.ts';
import { needsOf } from '../grants/needs.ts';
import { plugInFiles } from '../grants/plug-in-files.ts';
import { smallestGrants } from '../grants/smallest-grants.ts';
import { loadConfigFile } from '../load-config-file.ts';
import type { LoadConfigOptions } from '../load-config-file.ts';
import { ownNamespace } from '../own-namespace.ts';

export type GrantsOptions = LoadConfigOptions & { readonly configMap?: boolean };

/** Prints the smallest grants with which a config works: for whoever approves them to read, and to keep. */
export async function grants(options: GrantsOptions, edge: Edge): Promise<ExitCode> {
  const config = await loadConfigFile(options, edge);
  const plugIns = await plugInFiles(config, options.config, options.plugin);
  const smallest = smallestGrants(needsOf(config, options.config, plugIns));
  edge.stdout.write(textOf());
  return EXIT.fine;

  function textOf(): string {
    if (options.json) return `${JSON.stringify(grantsData(smallest), null, 2)}\n`;
    if (options.configMap) return grantsConfigMapText(options.config, smallest, ownNamespace(options, edge));
    return grantsFileText(options.config, smallest);
  }
}
