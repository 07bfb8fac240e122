import type { CallOptions } from '@hikyaku/core';
import { isKubeError, metadataOnly } from '@hikyaku/kube-client';
import type { KubeClient } from '@hikyaku/kube-client';
import { AGENT_LABEL, MERGE_LABEL } from '@hikyaku/kubernetes';
import { printable } from '../output/printable.ts';
import { holdOf, readSecretMeta, secretPath } from './find-secrets.ts';
import type { SecretMeta } from './find-secrets.ts';

/** What became of one Secret, or would. */
export interface Released {
  /** `namespace/name`. */
  readonly secret: string;
  /** `not ours`: it carries no label of this agent, so there is nothing to do. */
  readonly outcome: 'released' | 'not ours' | 'missing' | 'failed';
  /** `merge`: its keys stay, and are nobody's but its owner's. */
  readonly was?: 'whole' | 'merge';
  /** The labels and annotations that went. */
  readonly dropped: readonly string[];
  readonly message?: string;
}

export interface ReleaseOptions extends CallOptions {
  /** The agent's id. */
  readonly agent: string;
  /** The API server does everything but write. */
  readonly dryRun: boolean;
}

const MANAGED_BY = 'app.kubernetes.io/managed-by';
const SOURCES = 'hikyaku.dev/sources';
/** The agent may be writing it meanwhile. */
const ROUNDS = 5;

/**
 * Takes the labels and annotations of an agent off a Secret; its data is neither read nor sent. Guarded by uid and resourceVersion: what was
 * changed meanwhile is looked at again.
 */
export async function releaseSecret(
  client: KubeClient,
  id: string,
  { agent, dryRun, signal }: ReleaseOptions,
): Promise<Released> {
  for (let round = 1; ; round++) {
    try {
      const meta = await readSecretMeta(client, id, { signal });
      const was = holdOf(meta, agent);
      if (was === undefined) return { secret: id, outcome: 'not ours', dropped: [] };
      const { patch, dropped } = was === 'whole' ? withoutOurs(meta, agent) : withoutMerge(meta, agent);
      await client.request('PATCH', secretPath(id), {
        signal,
        accept: metadataOnly,
        contentType: 'application/merge-patch+json',
        query: { fieldManager: 'hikyaku-release', ...(dryRun && { dryRun: 'All' }) },
        body: { metadata: { uid: meta.uid, resourceVersion: meta.resourceVersion, ...patch } },
      });
      return { secret: id, outcome: 'released', was, dropped };
    } catch (error) {
      signal.throwIfAborted();
      if (!isKubeError(error)) throw error;
      if (error.code === 'CONFLICT' && round < ROUNDS) continue;
      if (error.code === 'NOT_FOUND') return { secret: id, outcome: 'missing', dropped: [] };
      return { secret: id, outcome: 'failed', dropped: [], message: printable(reasonOf(error, id)) };
    }
  }
}

function reasonOf(error: { readonly code: string; readonly message: string }, id: string): string {
  if (error.code !== 'FORBIDDEN') return error.message;
  const [namespace = ''] = id.split('/');
  return `you may not: it takes get and patch of Secrets in the namespace ${namespace}`;
}

interface Without {
  readonly patch: Readonly<Record<'labels' | 'annotations', Readonly<Record<string, string | null>>>>;
  readonly dropped: readonly string[];
}

/** That Flux does not prune it stays: had Flux made it once, the Secret would go with it. */
function withoutOurs(meta: SecretMeta, agent: string): Without {
  const { labels = {}, annotations = {} } = meta;
  const ourLabels = [AGENT_LABEL, ...(labels[MANAGED_BY] === 'hikyaku' ? [MANAGED_BY] : [])];
  const ourAnnotations = SOURCES in annotations ? [SOURCES] : [];
  // Else the agent could go on by the other label.
  const merges = (labels[MERGE_LABEL] ?? '').split('.').includes(agent);
  const merge = merges ? withoutMerge(meta, agent) : undefined;
  return {
    patch: { labels: { ...nulls(ourLabels), ...merge?.patch.labels }, annotations: nulls(ourAnnotations) },
    dropped: [...ourLabels, ...(merge?.dropped ?? []), ...ourAnnotations],
  };
}

/** Other agents that merge into it go on. */
function withoutMerge({ labels = {} }: SecretMeta, agent: string): Without {
  const others = (labels[MERGE_LABEL] ?? '').split('.').filter((id) => id !== agent && id !== '');
  const value = others.length > 0 ? others.join('.') : null;
  return { patch: { labels: { [MERGE_LABEL]: value }, annotations: {} }, dropped: [MERGE_LABEL] };
}

function nulls(keys: readonly string[]): Readonly<Record<string, null>> {
  return Object.fromEntries(keys.map((key) => [key, null]));
}
