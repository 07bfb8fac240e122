import type { Config } from '@hikyaku/config';
import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import { DEFAULT_NAMESPACE } from '../global-options.ts';
import { styleFor } from '../output/style.ts';
import { keylessAccess } from '../sealing/keyless-access.ts';
import { addRecipient } from '../sealing/recipients-add.ts';
import { checkCluster } from '../sealing/recipients-change.ts';
import { SealedConfig } from '../sealing/sealed-config.ts';
import { UserError } from '../user-error.ts';
import { askCluster } from './answers.ts';
import { unasked } from './ask.ts';
import { ClusterToBe } from './cluster-to-be.ts';
import type { InitOptions } from './init-options.ts';
import { nextStepsOfAdded } from './next-steps.ts';

/** Makes the identity of one more cluster, and lets it open what is sealed, as `recipients add` does. */
export async function addCluster(options: InitOptions, edge: Edge): Promise<ExitCode> {
  refuseAnswers(options);
  await using cluster = new ClusterToBe(options, edge, DEFAULT_NAMESPACE);
  const name = await askCluster(options, cluster.context, options.yes === true ? unasked(edge) : edge);
  // A config that is not good is not worth an identity.
  const { config } = await SealedConfig.read(options, edge, { adding: name });
  checkCluster(config, name);
  const { made } = await cluster.ensure(edge, options.yes ?? false);
  const { stdout, stderr } = edge;
  if (made) stderr.write(`${styleFor(edge, stderr).good('✓')} ${name} has an identity now\n`);
  const { cluster: _, backup: __, ...rest } = options;
  const exitCode = await addRecipient(name, undefined, { ...rest, context: cluster.context }, edge);
  if (exitCode !== EXIT.fine) return exitCode;
  if (isUnknownToService(config, name))
    stderr.write(`its public key, to be uploaded:\n\n${await cluster.signingKey(edge)}`);
  if (options.json !== true) stdout.write(nextStepsOfAdded({ ...options, context: cluster.context }));
  return exitCode;
}

/** Whether some service takes keys of clusters, and has none of this one; which one it is, `recipients add` says. */
function isUnknownToService({ sources }: Config, cluster: string): boolean {
  return [...sources.values()].some((source) => {
    const { field, ids } = keylessAccess(source) ?? {};
    return field === 'servicePrincipal' && typeof ids === 'object' && !ids.has(cluster);
  });
}

/** What is for a new config. */
function refuseAnswers(options: InitOptions): void {
  const { provider, project, dopplerConfig, vault, servicePrincipal, kid, url, secret, backup, image } = options;
  const given = [provider, project, dopplerConfig, vault, servicePrincipal, kid, url, secret, backup, image];
  if (given.some((answer) => answer !== undefined))
    throw new UserError(
      `${options.config} is there already: without answers of a new config the cluster is added to it; --force writes over it, --config names another file`,
    );
}
