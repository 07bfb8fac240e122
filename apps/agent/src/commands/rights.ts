import { isSecretId } from '@hikyaku/config';
import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import type { GlobalOptions } from '../global-options.ts';
import { ownerRole } from '../grants/owner-role.ts';
import type { OwnerRight } from '../grants/owner-role.ts';
import { ownNamespace } from '../own-namespace.ts';
import { UserError } from '../user-error.ts';

export type RoleOptions = GlobalOptions & { readonly [Right in OwnerRight]?: boolean };

const RIGHTS: readonly OwnerRight[] = ['read', 'watch', 'merge'];

/** Prints the Role by which a Secret's owner lets the agent look at it, for `kubectl apply`. */
export function role(secret: string, options: RoleOptions, edge: Edge): ExitCode {
  const [right, another] = RIGHTS.filter((word) => options[word]);
  if (right === undefined || another !== undefined) throw new UserError('say one of --read, --watch and --merge');
  if (!isSecretId(secret)) throw new UserError(`${secret} is no NAMESPACE/NAME of a Secret`);
  const [namespace = '', name = ''] = secret.split('/');
  const agent = ownNamespace(options, edge);
  if (namespace === agent)
    throw new UserError(`${namespace} is the agent's own namespace, whose Secrets it can read without a Role`);
  edge.stdout.write(ownerRole({ namespace, name, right, agent }));
  return EXIT.fine;
}
