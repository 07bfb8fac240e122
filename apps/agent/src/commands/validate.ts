import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import { checkGrants } from '../grants/check-grants.ts';
import { ConfigError, loadConfigFile } from '../load-config-file.ts';
import type { LoadConfigOptions } from '../load-config-file.ts';
import { count } from '../output/count.ts';
import { grantsJson, grantsText } from '../output/grants-text.ts';
import { problemsJson } from '../output/problems-text.ts';
import { styleFor } from '../output/style.ts';
import { isStandIn } from '../plugins/stand-in.ts';

/** Checks the files alone, with the `grants.yaml` beside them; asks nobody. Runs the code of the plug-ins it names, unless told not to. */
export async function validate(options: LoadConfigOptions, edge: Edge): Promise<ExitCode> {
  const config = await loadConfigFile(options, edge);
  const grants = await checkGrants(config, options);
  if (grants !== undefined && grants.problems.length > 0) throw new ConfigError(grants.problems);
  const { sources, secrets } = config;
  const unchecked = [...sources.values()].filter(({ provider }) => isStandIn(provider));
  if (options.json) edge.stdout.write(problemsJson([], grants && grantsJson(grants)));
  else {
    const style = styleFor(edge, edge.stdout);
    const { good, faint } = style;
    edge.stdout.write(
      `${good('✓')} ${options.config}: ${count(sources.size, 'source')}, ${count(secrets.length, 'Secret')}\n`,
    );
    for (const { name, provider } of unchecked) {
      edge.stdout.write(faint(`  not checked: the settings of ${name}, whose plug-in ${provider.type} was not run\n`));
    }
    if (grants !== undefined) edge.stdout.write(grantsText(grants, style));
  }
  return EXIT.fine;
}
