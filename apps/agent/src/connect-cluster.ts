import type { CallOptions, Logger } from '@hikyaku/core';
import { TargetError } from '@hikyaku/engine';
import { connectKube, isKubeError, KubeConfigError, loadKubeConfig } from '@hikyaku/kube-client';
import type { KubeClient, LoadedKubeConfig } from '@hikyaku/kube-client';
import { probePolicy } from '@hikyaku/kubernetes';
import type { Access, PolicyState } from '@hikyaku/kubernetes';
import { isInteractive } from './edge.ts';
import type { Edge } from './edge.ts';
import { EXIT } from './exit-code.ts';
import type { GlobalOptions } from './global-options.ts';
import { ownNamespace } from './own-namespace.ts';
import { TerminalInput } from './terminal-input.ts';
import { UserError } from './user-error.ts';

export interface Cluster extends AsyncDisposable {
  readonly client: KubeClient;
  /** As a person names it: the context, or the server. */
  readonly name: string;
  readonly access: Access;
  readonly username: string;
}

export interface ConnectOptions extends GlobalOptions {
  readonly allowMissingPolicy?: boolean;
  readonly fileRoot?: string;
  readonly allowOrigin?: readonly string[];
}

/** Finds the cluster and learns whose rights these are. Throws KubeError where the API server cannot be reached. */
export async function connectCluster(options: ConnectOptions, edge: Edge, logger: Logger): Promise<Cluster> {
  const { loaded, client } = openKube(options, edge);
  try {
    const agent = ownNamespace(options, edge);
    const { username } = await client.selfSubjectReview(edge);
    const proof = username.startsWith('system:serviceaccount:')
      ? await checkPolicy(client, agent, options, edge, logger)
      : 'look';
    return {
      client,
      name: loaded.inCluster ? 'this cluster' : loaded.context,
      access: { agent, proof },
      username,
      [Symbol.asyncDispose]: () => client.close(),
    };
  } catch (error) {
    await client.close();
    throw error;
  }
}

/** The cluster that the options name, not asked anything yet. */
export function openKube(
  { kubeconfig, context }: GlobalOptions,
  { env }: Edge,
): { readonly loaded: LoadedKubeConfig; readonly client: KubeClient } {
  try {
    const loaded = loadKubeConfig({ kubeconfig, context, env });
    return { loaded, client: connectKube(loaded.kubeConfig) };
  } catch (error) {
    if (error instanceof KubeConfigError) throw new UserError(error.message);
    throw error;
  }
}

async function checkPolicy(
  client: KubeClient,
  agent: string,
  { allowMissingPolicy = false }: ConnectOptions,
  { signal }: CallOptions,
  logger: Logger,
): Promise<Access['proof']> {
  let policy: PolicyState;
  try {
    policy = await probePolicy(client, agent, { signal });
  } catch (error) {
    if (!isKubeError(error) || (error.code !== 'FORBIDDEN' && error.code !== 'NOT_FOUND')) throw error;
    const why =
      error.code === 'NOT_FOUND'
        ? `the namespace ${agent} does not exist`
        : 'this ServiceAccount may not write Secrets';
    throw new TargetError('FORBIDDEN', `${why}: apply deploy/rights-own.yaml and deploy/grants.yaml`);
  }
  if (policy === 'enforced') return 'policy';
  if (policy === 'without grants') {
    throw new TargetError(
      'NOT_GRANTED',
      `the policy finds no ConfigMap ${agent}/hikyaku-grants: apply deploy/grants.yaml`,
    );
  }
  const missing =
    'the API server does not limit this ServiceAccount: the ValidatingAdmissionPolicy hikyaku-own is missing';
  if (!allowMissingPolicy) {
    throw new UserError(
      `${missing}. Apply deploy/rights-own.yaml (Kubernetes 1.30 or later), or run with --allow-missing-policy if you accept an agent that could write any Secret`,
    );
  }
  logger.warn({ namespace: agent }, 'policy missing: nothing but this program limits what it writes');
  return 'look';
}

/** On a laptop: the agent's own namespace has to be there before anything is remembered in it. */
export async function ensureNamespace(
  { client, access, name }: Pick<Cluster, 'client' | 'access' | 'name'>,
  edge: Edge,
  yes: boolean,
): Promise<void> {
  // A ServiceAccount's namespace comes with its rights.
  if (access.proof === 'policy') return;
  const exists = await client.namespaces.get(access.agent, edge).then(
    () => true,
    (error: unknown) => {
      if (isKubeError(error) && error.code === 'NOT_FOUND') return false;
      // Who may not look at namespaces may still use this one.
      if (isKubeError(error) && error.code === 'FORBIDDEN') return true;
      throw error;
    },
  );
  if (exists) return;
  const what = `the namespace ${access.agent}, where hikyaku remembers what it made, does not exist in ${name}`;
  if (!yes && !(isInteractive(edge) && (await confirm(edge, `${capitalized(what)}. Make it?`)))) {
    throw new UserError(`${what}: run kubectl create namespace ${access.agent}, or give --yes`);
  }
  await client.namespaces.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: access.agent } }, edge);
}

async function confirm({ stdin, stderr: output, signal }: Edge, message: string): Promise<boolean> {
  const prompts = await import('@clack/prompts');
  using input = new TerminalInput(stdin);
  const answer = await prompts.confirm({ message, input, output, signal });
  if (prompts.isCancel(answer)) throw new UserError('interrupted', EXIT.interrupted);
  return answer;
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
