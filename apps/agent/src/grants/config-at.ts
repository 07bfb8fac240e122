import { parseConfig } from '@hikyaku/config';
import type { Config } from '@hikyaku/config';
import type { Edge } from '../edge.ts';
import { ConfigError } from '../load-config-file.ts';
import type { LoadConfigOptions } from '../load-config-file.ts';
import { ownNamespace } from '../own-namespace.ts';
import { AgentProviders } from '../plugins/agent-providers.ts';
import type { GitRevision } from './git-revision.ts';

export type AgainstOptions = LoadConfigOptions & { readonly against: string };

/**
 * The config as it was in a git revision, with no code of plug-ins run; `undefined` where there was none. Throws a ConfigError where it
 * was not a good one.
 */
export async function configAt(
  revision: GitRevision,
  options: AgainstOptions,
  edge: Edge,
): Promise<Config | undefined> {
  const files = await revision.configFiles(options.config);
  if (files.length === 0) return undefined;
  const providers = new AgentProviders({ ...options, plugins: false }, edge);
  const result = await parseConfig(files, { providers, agentNamespace: ownNamespace(options, edge) });
  if (result.ok) return result.config;
  throw new ConfigError(result.problems.map((problem) => ({ ...problem, file: `${options.against}:${problem.file}` })));
}
