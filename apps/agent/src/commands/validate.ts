import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import type { GlobalOptions } from '../global-options.ts';
import { loadConfigFile } from '../load-config-file.ts';
import { count } from '../output/count.ts';
import { problemsJson } from '../output/problems-text.ts';
import { styleFor } from '../output/style.ts';

/** Checks the file alone; asks nobody. */
export async function validate(options: GlobalOptions, edge: Edge): Promise<ExitCode> {
  const { sources, secrets } = await loadConfigFile(options, edge);
  if (options.json) edge.stdout.write(problemsJson([]));
  else {
    const mark = styleFor(edge, edge.stdout).good('✓');
    edge.stdout.write(
      `${mark} ${options.config}: ${count(sources.size, 'source')}, ${count(secrets.length, 'Secret')}\n`,
    );
  }
  return EXIT.fine;
}
