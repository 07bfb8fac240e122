import type { Edge } from '../edge.ts';
import { UserError } from '../user-error.ts';
import { askChoice, askText } from './ask.ts';
import type { InitOptions } from './init-options.ts';

export const DEFAULTS = { project: 'homelab', dopplerConfig: 'prd', secret: 'default/app-env' } as const;

/** A Secret, by its namespace and name. */
export interface SecretName {
  readonly namespace: string;
  readonly name: string;
}

/** The first source, and the Secret that is made of it. */
export type FirstSource =
  | { readonly type: 'doppler'; readonly project: string; readonly config: string; readonly secret: SecretName }
  | { readonly type: 'sakura'; readonly vault: string; readonly secret: SecretName }
  | { readonly type: 'later' };

/** Asks for what no flag says. Throws a UserError. */
export async function askSource(options: InitOptions, edge: Edge): Promise<FirstSource> {
  switch (options.provider ?? (await askProvider(options, edge))) {
    case 'doppler': {
      const project =
        options.project ?? (await askText({ message: 'Doppler project', initialValue: DEFAULTS.project }, edge));
      const config =
        options.dopplerConfig ??
        (await askText({ message: 'Doppler config', initialValue: DEFAULTS.dopplerConfig }, edge));
      return { type: 'doppler', project, config, secret: await askSecret(options, edge) };
    }
    case 'sakura': {
      const message = 'Id of the vault (12 digits)';
      const problem = (answer: string) =>
        /^\d{12}$/.test(answer) ? undefined : 'which vault? Its id has 12 digits: --vault';
      const initialValue = options.vault ?? '';
      const vault = problem(initialValue) === undefined ? initialValue : undefined;
      return {
        type: 'sakura',
        vault: vault ?? (await askText({ message, initialValue, problem }, edge)),
        secret: await askSecret(options, edge),
      };
    }
    case 'later':
      return { type: 'later' };
  }
}

async function askProvider(options: InitOptions, edge: Edge): Promise<FirstSource['type']> {
  if (options.vault !== undefined) return 'sakura';
  if (options.project !== undefined || options.dopplerConfig !== undefined) return 'doppler';
  return await askChoice(
    'Where are your secrets kept?',
    [
      { value: 'doppler', label: 'Doppler' },
      { value: 'sakura', label: 'SAKURA Cloud Secret Manager, with a service principal' },
      { value: 'later', label: 'elsewhere: I shall write that into the config later' },
    ],
    edge,
  );
}

async function askSecret({ secret }: InitOptions, edge: Edge): Promise<SecretName> {
  const message = 'Kubernetes Secret to write (namespace/name)';
  return readSecretName(secret ?? (await askText({ message, initialValue: DEFAULTS.secret }, edge)));
}

/** Throws a UserError. */
export function readSecretName(text: string): SecretName {
  const [namespace = '', name = '', ...rest] = text.split('/');
  if (namespace === '' || name === '' || rest.length > 0)
    throw new UserError(
      `a Secret is named namespace/name, such as ${DEFAULTS.secret}; this is ${JSON.stringify(text)}`,
    );
  return { namespace, name };
}

/** The name of a cluster: as told, else of its context where that can be one. */
export async function askCluster({ cluster }: InitOptions, context: string, edge: Edge): Promise<string> {
  const problem = (name: string) =>
    /^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/.test(name)
      ? undefined
      : 'what shall the cluster be called? Lower-case letters, digits and `-`, at most 40: --cluster NAME';
  if (cluster !== undefined) {
    const wrong = problem(cluster);
    if (wrong !== undefined) throw new UserError(wrong);
    return cluster;
  }
  return await askText({ message: 'Name of this cluster', initialValue: context, problem }, edge);
}
