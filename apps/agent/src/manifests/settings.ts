import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { UserError } from '../user-error.ts';

/** What the install files can be like; kept in the kustomization, so that they can be written anew, and checked, without saying it again. */
export interface Settings {
  /** `named`: only the Secrets of the config, by the list `names` of the grants. */
  readonly rights?: (typeof RIGHTS)[number];
  /** Only the entries for this cluster are granted. */
  readonly cluster?: string | false;
  readonly replicas?: number;
  readonly daemonset?: boolean;
  readonly networkPolicy?: boolean;
  /** Ports. */
  readonly receiver?: number | false;
  readonly page?: number | false;
}

const RIGHTS = ['own', 'named'] as const;

export function settingOptions(): readonly Option[] {
  return [
    new Option('--rights <kind>', 'any Secret within the grants, or only those of the config by name').choices(RIGHTS),
    new Option('--cluster <name>', 'for this cluster alone, a name under `recipients:`'),
    new Option('--no-cluster', 'for all of them again'),
    new Option('--replicas <number>', 'more than one: one works, the others wait').argParser(replicasOf),
    new Option('--daemonset', 'one Pod on each node instead: one works, the others wait'),
    new Option('--no-daemonset', 'a Deployment again'),
    new Option('--network-policy', 'limit what the Pod reaches and who reaches it, as far as a NetworkPolicy can'),
    new Option('--no-network-policy', 'without it again'),
    new Option('--receiver <port>', 'take notices of changes there, behind a Service').argParser(portOf),
    new Option('--no-receiver', 'without it again'),
    new Option('--page <port>', 'serve the page there, for kubectl port-forward').argParser(portOf),
    new Option('--no-page', 'without it again'),
  ];
}

/** The flags that say these settings; empty where all is as usual. */
export function formatSettings(settings: Settings): string {
  const { rights, cluster, replicas = 1, daemonset, networkPolicy, receiver, page } = settings;
  return [
    ...(rights === undefined || rights === 'own' ? [] : ['--rights', rights]),
    ...(cluster ? ['--cluster', cluster] : []),
    ...(replicas === 1 ? [] : ['--replicas', String(replicas)]),
    ...(daemonset ? ['--daemonset'] : []),
    ...(networkPolicy ? ['--network-policy'] : []),
    ...(receiver ? ['--receiver', String(receiver)] : []),
    ...(page ? ['--page', String(page)] : []),
  ].join(' ');
}

/** Reads what {@link formatSettings} wrote. Throws a UserError. */
export function parseSettings(text: string, where: string): Settings {
  const command = new Command().exitOverride().configureOutput({ writeErr: () => {} });
  for (const option of settingOptions()) command.addOption(option);
  try {
    const words = text.split(' ').filter((word) => word !== '');
    return command.parse(words, { from: 'user' }).opts<Settings>();
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    throw new UserError(`${where} names flags that hikyaku manifests does not have: ${text}`);
  }
}

/** Those that are given count, then those of before. Throws a UserError. */
export function mergeSettings(before: Settings, given: Settings): Settings {
  const { rights, cluster, replicas, daemonset, networkPolicy, receiver, page } = given;
  if (daemonset === true && replicas !== undefined)
    throw new UserError('--daemonset has one Pod on each node: leave out --replicas');
  return {
    ...before,
    ...(rights && { rights }),
    ...(cluster !== undefined && { cluster }),
    ...(replicas !== undefined && { replicas, daemonset: false }),
    ...(daemonset !== undefined && { daemonset, ...(daemonset && { replicas: 1 }) }),
    ...(networkPolicy !== undefined && { networkPolicy }),
    ...(receiver !== undefined && { receiver }),
    ...(page !== undefined && { page }),
  };
}

function replicasOf(text: string): number {
  if (!/^[1-9]\d?$/.test(text)) throw new InvalidArgumentError('It has to be a number from 1 to 99.');
  return Number(text);
}

function portOf(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1024 || port > 65_535) throw new InvalidArgumentError('It has to be a port from 1024 to 65535.');
  return port;
}
