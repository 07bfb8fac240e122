import { fileURLToPath } from 'node:url';
import { field } from '@hikyaku/testbed';
import { yamlBlocks } from '../../../../tools/testbed/src/yaml-blocks.ts';

const root = fileURLToPath(new URL('../../../..', import.meta.url));

export interface RoleOptions {
  readonly namespace: string;
  readonly secret: string;
  /** The ServiceAccount that may read it. */
  readonly account: { readonly namespace: string; readonly name: string };
}

/** The Role and RoleBinding that docs/kubernetes.md asks of the owner of a Secret, for another Secret and account. */
export async function documentedRole({ namespace, secret, account }: RoleOptions): Promise<string> {
  const blocks = await yamlBlocks(root, ['docs/kubernetes.md']);
  const block = blocks.find(({ documents }) => field(documents[0], 'kind') === 'Role');
  if (block === undefined) throw new Error('docs/kubernetes.md shows no Role');
  return block.text
    .replaceAll('cert-manager', namespace)
    .replaceAll('wildcard-tls', secret)
    .replace('name: hikyaku, namespace: hikyaku', `name: ${account.name}, namespace: ${account.namespace}`);
}
