import { isSecretId } from '@hikyaku/config';
import { isKubeError } from '@hikyaku/kube-client';
import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import type { LoadConfigOptions } from '../load-config-file.ts';
import { count } from '../output/count.ts';
import { printable } from '../output/printable.ts';
import { Progress } from '../output/progress.ts';
import { styleFor } from '../output/style.ts';
import { findSecrets } from '../release/find-secrets.ts';
import { releaseSecret } from '../release/release-secret.ts';
import type { Released } from '../release/release-secret.ts';
import { releaseText } from '../release/release-text.ts';
import { stillKnown } from '../release/still-known.ts';
import { reachAgent } from '../status/ask-agent.ts';
import type { ReachedAgent } from '../status/ask-agent.ts';
import { UserError } from '../user-error.ts';
import { confirmOrStop } from '../writing/confirm.ts';

export interface ReleaseCommandOptions extends LoadConfigOptions {
  readonly all?: boolean;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

/** Takes Secrets away from the agent, with the person's own rights, and leaves their data as it is. */
export async function release(
  secrets: readonly string[],
  options: ReleaseCommandOptions,
  edge: Edge,
): Promise<ExitCode> {
  const { all = false, dryRun = false, yes = false, json = false } = options;
  checkNames(secrets, all);
  await using agent = reachAgent(options, edge);
  const { client, cluster, namespace } = agent;
  using progress = new Progress(edge, !json);
  progress.show(`looking for the Secrets of ${namespace} in ${cluster}`);
  const ids = all ? await findAll(agent, edge) : [...new Set(secrets)];
  const known = await stillKnown(options, agent, edge);
  progress.clear();
  if (!dryRun && !yes && ids.length > 0) {
    edge.stderr.write(ids.map((id) => `  ${printable(id)}\n`).join(''));
    const what = ids.length === 1 ? 'this Secret' : `these ${count(ids.length, 'Secret')}`;
    await confirmOrStop(
      `In ${printable(cluster)}: take ${what} away from the agent ${namespace}, and keep the data?`,
      edge,
    );
  }

  const released: Released[] = [];
  for (const id of ids) {
    progress.show(`${released.length} of ${ids.length}: ${printable(id)}`);
    released.push(await releaseSecret(client, id, { agent: namespace, dryRun, signal: edge.signal }));
  }
  progress.clear();
  const ok = released.every(({ outcome }) => outcome === 'released' || outcome === 'not ours');
  if (json) {
    const entries = released.map((one) => ({ ...one, ...inConfigOf(one.secret, known.inConfig) }));
    edge.stdout.write(`${JSON.stringify({ ok, cluster, agent: namespace, dryRun, secrets: entries }, null, 2)}\n`);
  } else {
    const style = styleFor(edge, edge.stdout);
    edge.stdout.write(
      released.length === 0
        ? `${printable(cluster)}: no Secret carries a label of the agent ${namespace}\n`
        : releaseText(released, known, { cluster, agent: namespace, dryRun, style }),
    );
  }
  return ok ? EXIT.fine : EXIT.failed;
}

function checkNames(secrets: readonly string[], all: boolean): void {
  if (all === secrets.length > 0) throw new UserError('say which: NAMESPACE/NAME of each Secret, or --all');
  const wrong = secrets.find((id) => !isSecretId(id));
  if (wrong !== undefined) throw new UserError(`${wrong} is no NAMESPACE/NAME of a Secret`);
}

async function findAll({ client, cluster, namespace }: ReachedAgent, edge: Edge): Promise<readonly string[]> {
  try {
    const found = await findSecrets(client, namespace, edge);
    return found.map((meta) => `${meta.namespace}/${meta.name}`);
  } catch (error) {
    if (!isKubeError(error) || error.code !== 'FORBIDDEN') throw error;
    throw new UserError(
      `you may not list the Secrets of ${cluster}, which --all takes: name them, NAMESPACE/NAME of each`,
      EXIT.failed,
    );
  }
}

function inConfigOf(secret: string, inConfig: ReadonlyMap<string, string>): { readonly inConfig?: string } {
  const where = inConfig.get(secret);
  return where === undefined ? {} : { inConfig: where };
}
