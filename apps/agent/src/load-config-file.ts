import { parseConfigFiles, readConfigFiles } from '@hikyaku/config';
import type { Config, ConfigFiles, Grants, Problem } from '@hikyaku/config';
import { EXIT } from './exit-code.ts';
import type { Edge } from './edge.ts';
import type { GlobalOptions } from './global-options.ts';
import { ownNamespace } from './own-namespace.ts';
import { AgentProviders } from './plugins/agent-providers.ts';
import type { PlugInOptions } from './plugins/agent-providers.ts';

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

export type LoadConfigOptions = GlobalOptions & PlugInOptions;

/**
 * Reads the files of the config, where they were not read before. Loads the providers that it uses, plug-ins too; in a pod only those that are granted or that a flag names. Throws a ConfigError,
 * and a UserError for flags that make no sense.
 */
export async function loadConfigFile(
  options: LoadConfigOptions,
  edge: Edge,
  granted?: Grants['plugins'],
  files?: ConfigFiles,
): Promise<Config> {
  const providers = new AgentProviders(options, edge, granted);
  const result = await parseConfigFiles(files ?? (await readConfigFiles(options.config)), {
    providers,
    agentNamespace: ownNamespace(options, edge),
  });
  if (!result.ok) throw new ConfigError(result.problems);
  return result.config;
}
