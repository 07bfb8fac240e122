import type { Config, ConfigFiles } from '@hikyaku/config';
import type { Logger } from '@hikyaku/core';
import type { Edge } from '../edge.ts';
import { identityFiles } from '../identity/identity-files.ts';
import type { IdentityFileOptions } from '../identity/identity-files.ts';
import { loadConfigFile } from '../load-config-file.ts';
import type { LoadConfigOptions } from '../load-config-file.ts';
import { clusterGrants } from './cluster-grants.ts';
import type { HeldGrants } from './held-grants.ts';
import { sourceLimits } from './source-limits.ts';
import type { LimitOptions, SourceLimits } from './source-limits.ts';

/** A config with what it may do here. */
export interface GrantedConfig {
  readonly config: Config;
  /** Only in a pod: elsewhere the person's own file is trusted. */
  readonly held: HeldGrants | undefined;
  readonly limits: SourceLimits;
}

/** Throws what {@link loadConfigFile} throws; in a pod also KubeError, where the API server cannot be asked for the grants. */
export async function loadGranted(
  options: LoadConfigOptions & LimitOptions & IdentityFileOptions,
  edge: Edge,
  logger: Logger,
  files?: ConfigFiles,
): Promise<GrantedConfig> {
  const held = await clusterGrants(options, edge, logger);
  const config = await loadConfigFile(options, edge, held?.grants.plugins, files);
  return { config, held, limits: limitsOf(options, edge, config, held) };
}

/** The same config under the grants as they are now. Throws KubeError. */
export async function grantAgain(
  config: Config,
  options: LoadConfigOptions & LimitOptions & IdentityFileOptions,
  edge: Edge,
  logger: Logger,
): Promise<GrantedConfig> {
  const held = await clusterGrants(options, edge, logger);
  return { config, held, limits: limitsOf(options, edge, config, held) };
}

function limitsOf(
  options: LimitOptions & IdentityFileOptions,
  edge: Edge,
  config: Config,
  held: HeldGrants | undefined,
): SourceLimits {
  const refused = identityFiles(options, edge).map(({ path }) => path);
  return sourceLimits(options, config, held, refused);
}
