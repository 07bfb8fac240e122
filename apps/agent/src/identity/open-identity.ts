import type { Config } from '@hikyaku/config';
import { systemClock } from '@hikyaku/core';
import type { Logger } from '@hikyaku/core';
import type { KubeClient } from '@hikyaku/kube-client';
import { IdentitySecret } from '@hikyaku/kubernetes';
import type { Access } from '@hikyaku/kubernetes';
import { Opener } from '@hikyaku/sealing';
import type { Edge } from '../edge.ts';
import { UserError } from '../user-error.ts';
import { ClusterIdentity } from './cluster-identity.ts';
import { findIdentities } from './find-identities.ts';
import type { IdentityOptions } from './identity-options.ts';
import { PersonIdentity } from './person-identity.ts';

interface Surroundings {
  readonly config: Pick<Config, 'recipients'>;
  readonly access: Access;
  readonly edge: Edge;
}

/** Of an agent. Throws a UserError for a flag that makes no sense. */
export function agentIdentity(
  options: IdentityOptions,
  {
    config: { recipients },
    client,
    access,
    edge,
    logger,
  }: Surroundings & { readonly client: KubeClient; readonly logger: Logger },
): ClusterIdentity {
  const secret = secretOf(options.identitySecret, access.agent);
  return new ClusterIdentity({
    recipients,
    named: namedCluster(options, edge),
    client,
    access,
    secret: new IdentitySecret({ client, access, ...(secret && { secret }) }),
    borrowed: secret !== undefined,
    opener: new Opener(),
    logger,
    clock: systemClock,
  });
}

/** Of a person who runs a command. The client is asked for when it is needed. */
export function personIdentity(
  options: IdentityOptions,
  { config, client, access, edge }: Surroundings & { readonly client: () => KubeClient },
): PersonIdentity {
  return new PersonIdentity({
    recipients: config.recipients,
    named: namedCluster(options, edge),
    secret: () => new IdentitySecret({ client: client(), access }),
    ...(options.identity && { identity: options.identity }),
    find: () => findIdentities(options, edge),
    opener: new Opener(),
  });
}

/** What the flag says, else the variable. */
function namedCluster({ cluster }: IdentityOptions, { env }: Edge): string | undefined {
  return cluster ?? (env['HIKYAKU_CLUSTER'] || undefined);
}

function secretOf(
  text: string | undefined,
  agent: string,
): { readonly namespace: string; readonly name: string } | undefined {
  if (text === undefined) return undefined;
  const match = /^(?:([a-z0-9-]+)\/)?([a-z0-9.-]+)$/.exec(text);
  const [, namespace = agent, name] = match ?? [];
  if (name === undefined) throw new UserError(`--identity-secret ${text} names no Secret: NAME or NAMESPACE/NAME`);
  return { namespace, name };
}
