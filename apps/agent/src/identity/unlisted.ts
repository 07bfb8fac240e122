import type { WhichClusterOptions } from './which-cluster.ts';

/** For the log, where there are recipients and none of them has one of these public keys: who they are, and what to do. */
export function unlisted(
  publicKeys: readonly string[],
  { recipients, named }: WhichClusterOptions,
): { readonly recipients: string; readonly run: string } | undefined {
  const clusters = [...recipients.values()].filter(({ backup }) => !backup);
  if (recipients.size === 0 || clusters.some(({ keys }) => keys.some((key) => publicKeys.includes(key))))
    return undefined;
  const before = named === undefined ? undefined : recipients.get(named);
  // A cluster that is known by its name alone wants nothing sealed.
  if (before?.keys.length === 0) return undefined;
  const replace = before === undefined ? '' : ' --replace';
  return {
    recipients: clusters.map(({ name }) => name).join(', '),
    run: `hikyaku recipients add ${named ?? 'NAME'} ${publicKeys[0] ?? ''}${replace}`,
  };
}
