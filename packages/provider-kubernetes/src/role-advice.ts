import type { CallOptions } from '@hikyaku/core';
import type { KubeClient } from '@hikyaku/kube-client';

export interface WantedRight {
  readonly namespace: string;
  readonly secret: string;
  /** `read` comes with watching, so that a change is noticed at once. */
  readonly to: 'read' | 'write';
}

const VERBS = { read: 'get,list,watch', write: 'get,update' };

/** The commands by which the owner of a Secret gives the right to it, for the account that asks. */
export async function roleAdvice(
  client: KubeClient,
  { namespace, secret, to }: WantedRight,
  { signal }: CallOptions,
): Promise<string> {
  const role = `hikyaku-${to}-${secret}`;
  const whom = await subject(client, signal);
  const commands = [
    `kubectl create role ${role} --namespace ${namespace} --verb=${VERBS[to]} --resource=secrets --resource-name=${secret}`,
    `kubectl create rolebinding ${role} --namespace ${namespace} --role=${role} ${whom}`,
  ].join(' && ');
  const create = to === 'write' ? '; to make the Secret, the verb `create` without a name as well' : '';
  return `Its owner gives the right by: ${commands}${create}`;
}

async function subject(client: KubeClient, signal: AbortSignal): Promise<string> {
  try {
    const { username } = await client.selfSubjectReview({ signal });
    const [, account] = /^system:serviceaccount:([a-z0-9-]+:[a-z0-9.-]+)$/.exec(username) ?? [];
    if (account !== undefined) return `--serviceaccount=${account}`;
    if (/^[\w.:@/-]+$/.test(username)) return `--user=${username}`;
  } catch {
    signal.throwIfAborted();
  }
  return '--user=NAME'; // whoever the credential is of
}
