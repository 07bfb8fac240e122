import { loadConfig } from '@hikyaku/config';
import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import { DEFAULT_NAMESPACE } from '../global-options.ts';
import type { GlobalOptions } from '../global-options.ts';
import { problemsText } from '../output/problems-text.ts';
import { styleFor } from '../output/style.ts';
import { providers } from '../providers.ts';

/** Checks the file alone; asks nobody. */
export async function validate(
  { config: path, namespace = DEFAULT_NAMESPACE, json = false }: GlobalOptions,
  edge: Edge,
): Promise<ExitCode> {
  const result = await loadConfig(path, { providers, agentNamespace: namespace });
  const problems = result.ok ? [] : result.problems;
  if (json) edge.stdout.write(`${JSON.stringify({ ok: result.ok, problems }, null, 2)}\n`);
  else if (result.ok) {
    const { sources, secrets } = result.config;
    edge.stdout.write(
      `${styleFor(edge, edge.stdout).good('✓')} ${path}: ${sources.size} sources, ${secrets.length} Secrets\n`,
    );
  } else edge.stderr.write(problemsText(problems, styleFor(edge, edge.stderr)));
  return result.ok ? EXIT.fine : EXIT.usage;
}
