import { loadConfig } from '@hikyaku/config';
import type { Config, Problem } from '@hikyaku/config';
import { EXIT } from './exit-code.ts';
import type { Edge } from './edge.ts';
import type { GlobalOptions } from './global-options.ts';
import { ownNamespace } from './own-namespace.ts';
import { builtInTypes, loadBuiltIn } from './providers.ts';

/** The config file is wrong; the command prints the problems in its own way. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly exitCode = EXIT.usage;
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(`${problems.length} problems in the config`);
    this.problems = problems;
  }
}

export async function loadConfigFile(options: GlobalOptions, edge: Edge): Promise<Config> {
  const result = await loadConfig(options.config, {
    providers: { types: builtInTypes, load: loadBuiltIn },
    agentNamespace: ownNamespace(options, edge),
  });
  if (!result.ok) throw new ConfigError(result.problems);
  return result.config;
}
