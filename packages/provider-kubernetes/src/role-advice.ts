import type { CallOptions } from '@hikyaku/core';
import type { KubeClient } from '@hikyaku/kube-client';

export interface WantedRight {
  readonly namespace: string;
  readonly secret: string;
  /** `read` comes with watching, so that a change is noticed at once. */
  readonly to: 'read' | 'write';
}

const VERBS = { read: 'get,list,watch', write: 'get,update' };

/** The account of an agent, in the namespace it lives in. */
const AGENT = /^([a-z0-9-]+):hikyaku$/;

/** The commands by which the owner of a Secret gives the right to it, for the account that asks. */
export async function roleAdvice(
  client: Pick<KubeClient, 'selfSubjectReview'>,
  { namespace, secret, to }: WantedRight,
  { signal }: CallOptions,
): Promise<string> {
  const username = await usernameOf(client, signal);
  const [, account] = /^system:serviceaccount:([a-z0-9-]+:[a-z0-9.-]+)$/.exec(username) ?? [];
  const role = `hikyaku-${to}-${secret}`;
  const commands = [
    `kubectl create role ${role} --namespace ${namespace} --verb=${VERBS[to]} --resource=secrets --resource-name=${secret}`,
    `kubectl create rolebinding ${role} --namespace ${namespace} --role=${role} ${subject(username, account)}`,
  ].join(' && ');
  const [, agent] = AGENT.exec(account ?? '') ?? [];
  if (to === 'read' && agent !== undefined) {
    const whose = agent === 'hikyaku' ? '' : ` --namespace ${agent}`;
    const printed = `hikyaku rights role ${namespace}/${secret} --watch${whose} | kubectl apply -f -`;
    return `Its owner gives the right by: ${printed}, or without hikyaku: ${commands}`;
  }
  const create = to === 'write' ? '; to make the Secret, the verb `create` without a name as well' : '';
  return `Its owner gives the right by: ${commands}${create}`;
}

/** Empty where the server does not tell. */
async function usernameOf(client: Pick<KubeClient, 'selfSubjectReview'>, signal: AbortSignal): Promise<string> {
  try {
    return (await client.selfSubjectReview({ signal })).username;
  } catch {
    signal.throwIfAborted();
    return '';
  }
}

function subject(username: string, account: string | undefined): string {
  if (account !== undefined) return `--serviceaccount=${account}`;
  return /^[\w.:@/-]+$/.test(username) ? `--user=${username}` : '--user=NAME'; // whoever the credential is of
}
