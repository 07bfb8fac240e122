import type { CallOptions } from '@hikyaku/core';
import { isKubeError } from '@hikyaku/kube-client';
import type { KubeClient } from '@hikyaku/kube-client';
import { OWN } from '@hikyaku/kubernetes';
import { printable } from '../output/printable.ts';
import { shellFlag, shellWord } from '../output/shell-word.ts';
import type { Examination } from './examination.ts';
import type { Remedy } from './finding.ts';

/** A ClusterRoleBinding, or with a namespace a RoleBinding. */
export interface BindingName {
  readonly name: string;
  readonly namespace?: string | undefined;
}

interface Subject {
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
}

/** How the agent's account is freed of what a binding gives it, and nobody else loses it. */
export async function bindingRemedy(
  binding: BindingName,
  examination: Examination,
  client: KubeClient,
  options: CallOptions,
): Promise<Remedy> {
  const { agent, username, lines } = examination;
  const kind = binding.namespace === undefined ? 'clusterrolebinding' : 'rolebinding';
  // Behind its kind a name is no flag.
  const thing = `${shellWord(`${kind}/${binding.name}`)}${shellFlag('--namespace', binding.namespace)}`;
  const subjects = await readSubjects(binding, client, options);
  const isOwn = ({ kind: of, name, namespace }: Subject) =>
    of === 'ServiceAccount' ? name === OWN.serviceAccount && namespace === agent : of === 'User' && name === username;
  const own = subjects.filter(isOwn);
  const groups = subjects.filter(({ kind: of }) => of === 'Group').map(({ name }) => printable(name));
  if (own.length === 0 && groups.length > 0) {
    return {
      advice: `the binding is for a group that the account is in (${groups.join(', ')}): name those who need it in its place`,
    };
  }
  if (own.length === 0) {
    return {
      advice:
        'see who is in the binding: where it is for this account alone delete it, else take the account out of its subjects',
      command: lines.kubectl(`get ${thing} --output yaml`),
    };
  }
  // What Kubernetes has made is needed, whoever is in it.
  const isBuiltIn = binding.name === 'cluster-admin' || binding.name.startsWith('system:');
  if (own.length === subjects.length && !isBuiltIn)
    return {
      advice: 'take the binding away, which is for this account alone',
      command: lines.kubectl(`delete ${thing}`),
    };
  // The last first, so that none changes its place before its turn; nothing is done where they have changed by then.
  const patch = subjects
    .flatMap((subject, index) => (isOwn(subject) ? [{ path: `/subjects/${index}`, value: subject }] : []))
    .toReversed()
    .flatMap(({ path, value }) => [
      { op: 'test', path, value },
      { op: 'remove', path },
    ]);
  return {
    advice: 'take this account out of the binding, which is for others too',
    command: lines.kubectl(`patch ${thing} --type=json --patch=${shellWord(JSON.stringify(patch))}`),
  };
}

/** None where they may not be looked at, or it is not there any more. */
async function readSubjects(
  { name, namespace }: BindingName,
  client: KubeClient,
  { signal }: CallOptions,
): Promise<readonly Subject[]> {
  const of =
    namespace === undefined ? 'clusterrolebindings' : `namespaces/${encodeURIComponent(namespace)}/rolebindings`;
  const path = `/apis/rbac.authorization.k8s.io/v1/${of}/${encodeURIComponent(name)}`;
  try {
    const { body } = await client.request('GET', path, { signal });
    const { subjects } = body as { readonly subjects?: readonly Subject[] };
    return subjects ?? [];
  } catch (error) {
    if (isKubeError(error) && (error.code === 'FORBIDDEN' || error.code === 'NOT_FOUND')) return [];
    throw error;
  }
}
