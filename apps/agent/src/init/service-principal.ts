import { isInteractive } from '../edge.ts';
import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import { UserError } from '../user-error.ts';
import { askText } from './ask.ts';
import type { ClusterConfig } from './config-text.ts';
import type { InitOptions } from './init-options.ts';

/** Throws a UserError where only one of the two is given. */
export function requireServicePrincipal({ servicePrincipal, kid }: InitOptions): void {
  if ((servicePrincipal === undefined) !== (kid === undefined))
    throw new UserError('--service-principal and --kid go together: the one who signs, and the key');
}

/** What SAKURA calls the public key, which is shown to be uploaded. Throws a UserError, with the key on standard output, where nobody is there to be asked. */
export async function askServicePrincipal(
  publicKey: string,
  cluster: string,
  { servicePrincipal, kid }: InitOptions,
  edge: Edge,
): Promise<ClusterConfig['servicePrincipal']> {
  if (servicePrincipal !== undefined && kid !== undefined) return { id: servicePrincipal, kid: { [cluster]: kid } };
  if (!isInteractive(edge)) {
    edge.stdout.write(publicKey);
    throw new UserError(
      `upload this public key of ${cluster} to a service principal, then the same again with --service-principal ID --kid KID; no file was written`,
      EXIT.failed,
    );
  }
  edge.stderr.write(
    `\nUpload this public key of ${cluster} to a service principal that may read the vault:\n\n${publicKey}\n`,
  );
  const id = await askText(
    { message: 'Id of the service principal (digits)', initialValue: '', problem: idProblem },
    edge,
  );
  const given = await askText(
    { message: 'Id that the key has got (kid)', initialValue: '', problem: kidProblem },
    edge,
  );
  return { id, kid: { [cluster]: given } };
}

function idProblem(answer: string): string | undefined {
  return /^\d+$/.test(answer) ? undefined : 'digits, as the control panel shows them';
}

function kidProblem(answer: string): string | undefined {
  return /^\S+$/.test(answer) ? undefined : 'one word, as the control panel shows it';
}
