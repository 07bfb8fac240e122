import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import { loadConfigFile } from '../load-config-file.ts';
import type { LoadConfigOptions } from '../load-config-file.ts';
import { count } from '../output/count.ts';
import { problemsJson } from '../output/problems-text.ts';
import { styleFor } from '../output/style.ts';
import { isStandIn } from '../plugins/stand-in.ts';

/** Checks the file alone; asks nobody. Runs the code of the plug-ins it names, unless told not to. */
export async function validate(options: LoadConfigOptions, edge: Edge): Promise<ExitCode> {
  const { sources, secrets } = await loadConfigFile(options, edge);
  const unchecked = [...sources.values()].filter(({ provider }) => isStandIn(provider));
  if (options.json) edge.stdout.write(problemsJson([]));
  else {
    const { good, faint } = styleFor(edge, edge.stdout);
    edge.stdout.write(
      `${good('✓')} ${options.config}: ${count(sources.size, 'source')}, ${count(secrets.length, 'Secret')}\n`,
    );
    for (const { name, provider } of unchecked) {
      edge.stdout.write(faint(`  not checked: the settings of ${name}, whose plug-in ${provider.type} was not run\n`));
    }
  }
  return EXIT.fine;
}
