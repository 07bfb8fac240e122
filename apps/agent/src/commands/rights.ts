import { isSecretId } from '@hikyaku/config';
import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import type { GlobalOptions } from '../global-options.ts';
import { ownerRole } from '../grants/owner-role.ts';
import type { OwnerRight } from '../grants/owner-role.ts';
import type { LoadConfigOptions } from '../load-config-file.ts';
import { styleFor } from '../output/style.ts';
import { ownNamespace } from '../own-namespace.ts';
import { allStatements } from '../rights/all-statements.ts';
import { grantsAtHand } from '../rights/grants-at-hand.ts';
import { rightsText } from '../rights/rights-text.ts';
import { UserError } from '../user-error.ts';

export type RoleOptions = GlobalOptions & { readonly [Right in OwnerRight]?: boolean };

const RIGHTS: readonly OwnerRight[] = ['read', 'watch', 'merge'];
/** Where nobody says how wide the terminal is, and at most. */
const COLUMNS = 100;

/** Explains what the agent may do and why, with the grants that are at hand, to a person who must approve it. */
export async function rights(options: LoadConfigOptions, edge: Edge): Promise<ExitCode> {
  const agent = ownNamespace(options, edge);
  const held = await grantsAtHand(options, edge);
  const statements = allStatements(agent, held);
  const isNamed = held?.policy.names !== undefined;
  const { stdout } = edge;
  if (options.json === true) {
    const document = { agent, rights: isNamed ? 'named' : 'own', grants: held?.where ?? null, statements };
    stdout.write(`${JSON.stringify(document, null, 2)}\n`);
    return EXIT.fine;
  }
  const width = Math.min(stdout.columns || COLUMNS, COLUMNS);
  stdout.write(rightsText({ agent, statements, where: held?.where, isNamed, width }, styleFor(edge, stdout)));
  return EXIT.fine;
}

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
