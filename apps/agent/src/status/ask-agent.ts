import { systemClock } from '@hikyaku/core';
import type { CallOptions } from '@hikyaku/core';
import { isKubeError } from '@hikyaku/kube-client';
import type { KubeClient } from '@hikyaku/kube-client';
import { RequestsObject } from '@hikyaku/kubernetes';
import type { RequestAnswer } from '@hikyaku/kubernetes';
import { openKube } from '../connect-cluster.ts';
import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import type { GlobalOptions } from '../global-options.ts';
import { ownNamespace } from '../own-namespace.ts';
import { UserError } from '../user-error.ts';

/** The agent of one cluster, as a person reaches it: by objects in its namespace, with their own rights. */
export interface ReachedAgent extends AsyncDisposable {
  readonly client: KubeClient;
  /** The context, or the server. */
  readonly cluster: string;
  readonly namespace: string;
}

export function reachAgent(options: GlobalOptions, edge: Edge): ReachedAgent {
  const { loaded, client } = openKube(options, edge);
  return {
    client,
    cluster: loaded.inCluster ? 'this cluster' : loaded.context,
    namespace: ownNamespace(options, edge),
    [Symbol.asyncDispose]: () => client.close(),
  };
}

/** As the API server knows them; absent where it does not tell. */
export async function usernameOf({ client }: ReachedAgent, options: CallOptions): Promise<{ readonly by?: string }> {
  try {
    return { by: (await client.selfSubjectReview(options)).username };
  } catch (error) {
    if (!isKubeError(error) || error.code === 'UNAVAILABLE' || error.code === 'UNAUTHENTICATED') throw error;
    return {};
  }
}

export interface AskOptions extends CallOptions {
  readonly object: string;
  readonly value: object;
  readonly timeoutMs: number;
  /** The agent has begun. */
  readonly onTaken: () => void;
}

/** Throws a UserError where there is no answer in time; then the request is taken back, if it still can be. */
export async function askAgent(
  agent: ReachedAgent,
  { object: name, value, timeoutMs, onTaken, signal }: AskOptions,
): Promise<RequestAnswer & Readonly<Record<string, unknown>>> {
  const { client, cluster, namespace } = agent;
  const object = new RequestsObject(client, { namespace, name });
  const id = await object.ask(value, { signal }).catch((error: unknown) => {
    throw explained(error, agent, name, 'get and update');
  });
  let isTaken = false;
  try {
    const until = performance.now() + timeoutMs;
    for (let pauseMs = 200; performance.now() < until; pauseMs = Math.min(pauseMs * 1.2, 1_000)) {
      await systemClock.sleep(pauseMs, { signal });
      const answer = await object.answerOf(id, { signal }).catch((error: unknown) => {
        if (isKubeError(error) && error.retryable) return undefined;
        throw explained(error, agent, name, 'get and update');
      });
      if (answer === 'gone')
        throw new UserError(`the request was taken out of the ConfigMap ${namespace}/${name}: try again`, EXIT.failed);
      if (answer !== undefined && answer.state !== 'taken') return answer;
      if (answer?.state === 'taken' && !isTaken) onTaken();
      isTaken ||= answer?.state === 'taken';
    }
  } finally {
    // Nobody waits for it any more. Also when the person interrupts, which must not wait for a dead API server.
    if (!isTaken) isTaken = !(await object.withdraw(id, { signal: AbortSignal.timeout(2_000) }).catch(() => true));
  }
  if (isTaken)
    throw new UserError(
      `the agent in ${cluster} has taken it and did not finish in ${seconds(timeoutMs)}: its status (ConfigMap ${namespace}/hikyaku-status) and its log show what comes of it; --timeout waits longer`,
      EXIT.failed,
    );
  throw new UserError(
    `no agent in ${cluster} has answered in ${seconds(timeoutMs)}: is it running (kubectl get pods -n ${namespace}), and is it a version that knows requests?`,
    EXIT.failed,
  );
}

/** What of it a person can put right. */
export function explained(error: unknown, { cluster, namespace }: ReachedAgent, name: string, verbs: string): unknown {
  if (!isKubeError(error)) return error;
  const what = `ConfigMap ${namespace}/${name}`;
  if (error.code === 'FORBIDDEN')
    return new UserError(`you may not do this in ${cluster}: it takes ${verbs} of the ${what}`, EXIT.failed);
  if (error.code === 'NOT_FOUND')
    return new UserError(
      `there is no ${what} in ${cluster}: is hikyaku installed there, in that namespace?`,
      EXIT.failed,
    );
  return error;
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1_000)} s`;
}
