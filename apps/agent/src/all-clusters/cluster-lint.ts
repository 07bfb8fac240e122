import type { Config } from '@hikyaku/config';
import { isKubeError } from '@hikyaku/kube-client';
import { OWN, readPublishedIdentity } from '@hikyaku/kubernetes';
import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import type { GlobalOptions } from '../global-options.ts';
import { whichCluster } from '../identity/which-cluster.ts';
import { findingsFor } from '../sealing/findings-for.ts';
import type { Finding } from '../sealing/lint-finding.ts';
import type { LintOptions } from '../sealing/lint.ts';
import { explained, reachAgent } from '../status/ask-agent.ts';
import { UserError } from '../user-error.ts';
import { unlessProblem } from './unless-problem.ts';
import type { ClusterProblem } from './unless-problem.ts';

/** What of the findings is about one of several clusters. */
export interface ContextLint {
  readonly context: string;
  readonly lint: ClusterProblem | { readonly cluster: string | undefined; readonly findings: readonly Finding[] };
}

/** Asks the cluster for nothing but its public key, which says whose entries are its own. */
export async function lintContext(
  options: GlobalOptions,
  findings: readonly Finding[],
  whole: LintOptions,
  edge: Edge,
): Promise<ContextLint> {
  const { context = '' } = options;
  const lint = await unlessProblem(async () => {
    const cluster = await nameOf(whole.config, options, edge);
    return { cluster, findings: await findingsFor(cluster, findings, whole) };
  }, edge);
  return { context, lint };
}

async function nameOf({ recipients }: Config, options: GlobalOptions, edge: Edge): Promise<string | undefined> {
  await using agent = reachAgent(options, edge);
  const { client, namespace } = agent;
  // Also where nothing hangs on the answer: a cluster that cannot be reached is said.
  const published = await readPublishedIdentity(client, { agent: namespace }, edge).catch((error: unknown) => {
    throw isKubeError(error) ? explained(error, agent, OWN.identity, 'get') : error;
  });
  const hasKeys = [...recipients.values()].some(({ backup, keys }) => !backup && keys.length > 0);
  if (!hasKeys) return undefined;
  const name = whichCluster(published?.recipients ?? [], { recipients });
  if (name !== undefined) return name;
  throw new UserError(
    published === undefined || published.recipients.length === 0
      ? `the cluster shows no public key yet (ConfigMap ${namespace}/${OWN.identity}): start its agent, then hikyaku recipients add`
      : 'its public key is none of those under recipients: hikyaku recipients add',
    EXIT.failed,
  );
}
