import type { Logger } from '@hikyaku/core';
import { demands } from '@hikyaku/engine';
import type { Cluster } from '../connect-cluster.ts';
import { checkGrants } from '../grants/check-grants.ts';
import type { CheckOptions } from '../grants/check-grants.ts';
import { countUndecided } from '../identity/here.ts';
import type { CurrentConfig } from './live-config.ts';

/** Says what the daemon goes by from now on, and what of it is not granted: each refusal is said again where it happens. */
export async function logConfig(
  { config, undecided, cluster: recipient, held }: CurrentConfig,
  { name, access }: Cluster,
  options: CheckOptions,
  logger: Logger,
  message: 'started' | 'config changed',
): Promise<void> {
  const { secrets, pushes } = config;
  logger.info(
    {
      cluster: name,
      ...(recipient !== undefined && { recipient }),
      namespace: access.agent,
      proof: access.proof,
      sources: demands(secrets).size,
      secrets: secrets.length,
      ...(pushes.length > 0 && { pushes: pushes.length }),
    },
    message,
  );
  if (countUndecided(undecided) > 0)
    logger.warn(
      {
        secrets: undecided.secrets.length,
        pushes: undecided.pushes.length,
        remedy: 'hikyaku recipients add, or start the agent with --cluster NAME',
      },
      'not known which cluster this is: entries that are for certain clusters only are left as they are',
    );
  if (held === undefined) return;
  const check = await checkGrants(config, options, held);
  for (const { code, entry, message: why, line } of check?.missing ?? [])
    logger.warn({ code, entry, message: why, ...(line !== undefined && { line }) }, 'not granted');
}
