import type { CallOptions } from '@hikyaku/core';
import { TargetError } from '@hikyaku/engine';
import type { RestartAnswer, RestartChange, RestartOptions, WorkloadId, Workloads } from '@hikyaku/engine';
import { isKubeError, path } from '@hikyaku/kube-client';
import type { KubeClient } from '@hikyaku/kube-client';
import { RESTART_REASON, RESTARTED_FOR } from './ownership.ts';
import type { Access } from './ownership.ts';
import { isRollingOut, secretsOf } from './workload-object.ts';
import type { WorkloadObject } from './workload-object.ts';

export interface KubernetesWorkloadsOptions {
  readonly client: Pick<KubeClient, 'request'>;
  readonly access: Access;
}

const PLURALS: Readonly<Record<string, string>> = {
  Deployment: 'deployments',
  StatefulSet: 'statefulsets',
  DaemonSet: 'daemonsets',
};
const ROUNDS = 3;
const PAGE = 100;
/** So many Secrets are remembered in a Pod template, the last of them. */
const MOST_MARKS = 50;
const MOST_KEYS = 10;
/** An annotation that the policy lets nobody put. */
const POLICY_PROBE = 'hikyaku.dev/policy-probe';

/**
 * Deployments, StatefulSets and DaemonSets. They are restarted as `kubectl rollout restart` does: by annotations of the Pod template, which
 * also tell what it was restarted for, so that nothing is done twice.
 */
export class KubernetesWorkloads implements Workloads {
  readonly #client: Pick<KubeClient, 'request'>;
  readonly #access: Access;

  constructor({ client, access }: KubernetesWorkloadsOptions) {
    this.#client = client;
    this.#access = access;
  }

  async list(namespace: string, options: CallOptions): Promise<ReadonlyMap<WorkloadId, ReadonlySet<string>>> {
    const found = new Map<WorkloadId, ReadonlySet<string>>();
    try {
      for (const [kind, plural] of Object.entries(PLURALS)) {
        for await (const workload of this.#pages(namespace, plural, options))
          found.set(`${namespace}/${kind}/${workload.metadata.name}`, secretsOf(workload));
      }
      return found;
    } catch (error) {
      options.signal.throwIfAborted();
      throw restartError(error, `what uses its Secrets in the namespace ${namespace}`);
    }
  }

  async restart(workload: WorkloadId, options: RestartOptions): Promise<RestartAnswer> {
    const [namespace = '', kind = '', name = ''] = workload.split('/');
    const where = path`/apis/apps/v1/namespaces/${namespace}/${PLURALS[kind] ?? kind}/${name}`;
    try {
      for (let round = 1; ; round++) {
        const live = await this.#get(where, options);
        const settled = this.#settled(workload, live, options);
        if (live === undefined || settled !== undefined) return settled ?? absent(workload);
        try {
          await this.#requirePolicy(workload, where, live, options);
          await this.#patch(where, live, options);
          return { outcome: 'restarted', messages: notesOn(workload, live, options.changes) };
        } catch (error) {
          if (!isKubeError(error) || error.code !== 'CONFLICT' || round >= ROUNDS) throw error;
        }
      }
    } catch (error) {
      options.signal.throwIfAborted();
      if (error instanceof TargetError) throw error;
      throw restartError(error, workload);
    }
  }

  /** The answer where nothing is to be written. */
  #settled(
    workload: WorkloadId,
    live: WorkloadObject | undefined,
    { changes, wasAbsent, interrupt }: RestartOptions,
  ): RestartAnswer | undefined {
    if (live === undefined) return undefined;
    const marks = marksOf(live);
    if (wasAbsent || changes.every(({ id, change }) => marks.get(nameOf(id)) === change))
      return { outcome: 'done', messages: [] };
    if (live.metadata.deletionTimestamp !== undefined)
      return { outcome: 'left', messages: [`${workload} is being deleted`] };
    const owner = live.metadata.ownerReferences?.find(({ controller }) => controller === true);
    if (owner !== undefined) {
      const who = `${owner.kind}/${owner.name}`;
      return {
        outcome: 'left',
        messages: [`${workload} belongs to ${who}, which may undo a restart: restart it by what manages ${who}`],
      };
    }
    if (!interrupt && isRollingOut(live))
      return { outcome: 'busy', messages: [`the Pods of ${workload} are just being replaced: restarted after that`] };
    return undefined;
  }

  async #get(where: string, { signal }: CallOptions): Promise<WorkloadObject | undefined> {
    try {
      const { body } = await this.#client.request('GET', where, { signal });
      return body as WorkloadObject;
    } catch (error) {
      if (isKubeError(error) && error.code === 'NOT_FOUND') return undefined;
      throw error;
    }
  }

  /** An account that could change anything of a workload is none that restarts it: somebody has given the right without its limit. */
  async #requirePolicy(
    workload: WorkloadId,
    where: string,
    { metadata: { uid, resourceVersion } }: WorkloadObject,
    { signal }: CallOptions,
  ): Promise<void> {
    if (this.#access.proof !== 'policy') return;
    const spec = { template: { metadata: { annotations: { [POLICY_PROBE]: 'refused' } } } };
    try {
      await this.#client.request('PATCH', where, {
        signal,
        contentType: 'application/merge-patch+json',
        query: { dryRun: 'All', fieldManager: 'hikyaku' },
        body: { metadata: { uid, resourceVersion }, spec },
      });
    } catch (error) {
      // Some webhooks of others know no dry run, so that it cannot be known.
      if (isKubeError(error) && (error.policyMessage !== undefined || error.code === 'BAD_REQUEST')) return;
      throw error;
    }
    throw new TargetError(
      'FORBIDDEN',
      `the policy hikyaku-restarts does not limit this account: ${workload} is not restarted; apply deploy/rights-restarts.yaml`,
    );
  }

  /** Guarded by uid and resourceVersion, so that two writers restart it once. */
  async #patch(where: string, live: WorkloadObject, { changes, signal }: RestartOptions): Promise<void> {
    const { uid, resourceVersion } = live.metadata;
    const annotations = { [RESTARTED_FOR]: markText(live, changes), [RESTART_REASON]: reasonText(changes) };
    await this.#client.request('PATCH', where, {
      signal,
      contentType: 'application/merge-patch+json',
      query: { fieldManager: 'hikyaku' },
      body: { metadata: { uid, resourceVersion }, spec: { template: { metadata: { annotations } } } },
    });
  }

  async *#pages(namespace: string, plural: string, { signal }: CallOptions): AsyncIterable<WorkloadObject> {
    let next: string | undefined;
    do {
      const query = { limit: PAGE, continue: next };
      const where = path`/apis/apps/v1/namespaces/${namespace}/${plural}`;
      const { body } = await this.#client.request('GET', where, { signal, query });
      const { items, metadata } = body as WorkloadList;
      yield* items;
      next = metadata.continue;
    } while (next !== undefined && next !== '');
  }
}

interface WorkloadList {
  readonly items: readonly WorkloadObject[];
  readonly metadata: { readonly continue?: string };
}

function absent(workload: WorkloadId): RestartAnswer {
  return { outcome: 'absent', messages: [`${workload} does not exist: when it appears, its Pods are new anyway`] };
}

/** By name of the Secret. */
function marksOf({ spec }: WorkloadObject): Map<string, string> {
  const text = spec.template.metadata?.annotations?.[RESTARTED_FOR] ?? '';
  const pairs = text.split(' ').map((mark) => mark.split('='));
  return new Map(pairs.flatMap(([name = '', change]) => (change === undefined ? [] : [[name, change]])));
}

function markText(live: WorkloadObject, changes: readonly RestartChange[]): string {
  const marks = marksOf(live);
  for (const { id, change } of changes) {
    // The latest stand last.
    marks.delete(nameOf(id));
    marks.set(nameOf(id), change);
  }
  return [...marks]
    .slice(-MOST_MARKS)
    .map(([name, change]) => `${name}=${change}`)
    .join(' ');
}

function reasonText(changes: readonly RestartChange[]): string {
  return changes
    .map(({ id, keys }) => {
      const more = keys.length > MOST_KEYS ? ` and ${keys.length - MOST_KEYS} more` : '';
      return `Secret ${nameOf(id)}: ${keys.slice(0, MOST_KEYS).join(', ')}${more}`;
    })
    .join('; ');
}

function notesOn(workload: WorkloadId, live: WorkloadObject, changes: readonly RestartChange[]): readonly string[] {
  const used = secretsOf(live);
  const unused = changes.map(({ id }) => nameOf(id)).filter((name) => !used.has(name));
  return [
    ...unused.map(
      (name) => `${workload} does not use the Secret ${name}; restarted all the same, as the config names it`,
    ),
    ...(live.spec.paused === true ? [`${workload} is paused: its Pods are replaced when it is resumed`] : []),
    ...(live.spec.updateStrategy?.type === 'OnDelete'
      ? [`${workload} has the strategy OnDelete: its Pods are replaced when somebody deletes them`]
      : []),
  ];
}

function nameOf(id: string): string {
  return id.slice(id.indexOf('/') + 1);
}

/** Says in our own words what the API server refused. */
function restartError(error: unknown, what: string): TargetError {
  if (!isKubeError(error)) throw error;
  const retry = error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs };
  if (error.policyMessage !== undefined) {
    const why = error.policyMessage.replace(/^hikyaku: /, '');
    return new TargetError('NOT_GRANTED', `${what} may not be restarted: ${why}`);
  }
  if (error.policyParametersMissing || error.code === 'FORBIDDEN') {
    const remedy = 'apply deploy/rights-restarts.yaml and grant it in the ConfigMap hikyaku-grants';
    return new TargetError('FORBIDDEN', `this account may not look for or restart ${what}: ${remedy}`);
  }
  if (error.code === 'CONFLICT')
    return new TargetError('CONFLICT', `${what} is not restarted yet: somebody else keeps changing it`, retry);
  if (error.code === 'INVALID') return new TargetError('INVALID', `the API server refuses to restart ${what}`);
  return new TargetError('UNAVAILABLE', `${what} is not restarted yet: ${error.message}`, retry);
}
