import * as z from 'zod';
import { dnsSubdomain, dnsLabel } from './kubernetes-names.ts';

/** What can be restarted. */
const WORKLOAD_KINDS = ['Deployment', 'StatefulSet', 'DaemonSet'] as const;

const error = 'must be KIND/NAME, with Deployment, StatefulSet or DaemonSet as the kind';

/** `Deployment/web` */
const workload = z.string().refine(isWorkload, { error });

/** The word `restart` of an entry. */
export const restart = z
  .union(
    [z.boolean(), z.array(workload).min(1, { error: 'must name at least one, or be `true` for all that use it' })],
    {
      error: 'must be `true` or a list such as `[Deployment/web]`',
    },
  )
  .optional()
  .describe(
    'What is restarted when the data changes: a list such as `[Deployment/web]`, or `true` for every Deployment, StatefulSet and DaemonSet of its namespace that uses the Secret',
  );

/** An entry of the word `restarts` of grants. */
export const restartGrant = z.string().refine(isRestartGrant, {
  error: 'must be NAMESPACE/KIND/NAME of a Deployment, StatefulSet or DaemonSet, or NAMESPACE/* for all of a namespace',
});

function isWorkload(text: string): boolean {
  const [kind = '', name, ...rest] = text.split('/');
  return rest.length === 0 && isKind(kind) && dnsSubdomain().safeParse(name).success;
}

function isRestartGrant(text: string): boolean {
  const [namespace, ...workloadParts] = text.split('/');
  const what = workloadParts.join('/');
  return dnsLabel().safeParse(namespace).success && (what === '*' || isWorkload(what));
}

function isKind(kind: string): boolean {
  return WORKLOAD_KINDS.some((known) => known === kind);
}
