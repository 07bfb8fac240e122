import { formatGrantsWord, grantsPush, grantsRestart, policyRefusals } from '@hikyaku/config';
import type { Grants, PolicyRefusal, SecretEntry } from '@hikyaku/config';
import { surroundsPod } from '../address-rules.ts';
import { filesRoot, mayRead, readableFolders } from './files-root.ts';
import type { HeldGrants } from './held-grants.ts';
import type { FileNeed, Needs } from './needs.ts';
import type { PlugInFile } from './plug-in-files.ts';

type MissingGrantCode =
  | 'TYPE_NOT_GRANTED'
  | 'METADATA_NOT_GRANTED'
  | 'NAMESPACE_RESERVED'
  | 'NAME_NOT_GRANTED'
  | 'LISTS_MISSING'
  | 'ORIGIN_NOT_GRANTED'
  | 'PLUGIN_NOT_GRANTED'
  | 'FILE_NOT_GRANTED'
  | 'PUSH_NOT_GRANTED'
  | 'RESTART_NOT_GRANTED';

/** Something that the config asks for and that the cluster will refuse. */
export interface MissingGrant {
  readonly code: MissingGrantCode;
  /** `Secret web/app-env`, `source nas`, `push web/app-env`. */
  readonly entry: string;
  readonly message: string;
  /**
   * What has to stand in `grants.yaml`, instead of what it says of this word, for all of the config: one line of YAML. Absent
   * where no line helps.
   */
  readonly line?: string;
}

/** What of the needs is not granted, in the order of the config. Pure. */
export function missingGrants(needs: Needs, held: HeldGrants): readonly MissingGrant[] {
  return [
    ...missingPlugIns(needs, held.grants),
    ...missingOrigins(needs, held.grants),
    ...missingFiles(needs, held.grants),
    ...missingForSecrets(needs, held),
    ...missingPushes(needs, held.grants),
    ...missingRestarts(needs, held),
  ];
}

function* missingPlugIns({ plugIns }: Needs, { plugins }: Grants): Iterable<MissingGrant> {
  const wanted = plugIns.filter(({ digest }) => digest !== undefined);
  const all = [...[...plugins].map(([name, grant]) => ({ name, ...grant })), ...wanted];
  const entries = all.map(({ name, path, digest }) => [name, { ...(path !== undefined && { path }), digest }]);
  const line = formatGrantsWord('plugins', Object.fromEntries(entries));
  for (const plugIn of plugIns) {
    const why = plugInRefusal(plugIn, plugins);
    if (why === undefined) continue;
    const missing = { code: 'PLUGIN_NOT_GRANTED', entry: `source ${plugIn.source}`, message: why } as const;
    yield plugIn.digest === undefined ? missing : { ...missing, line };
  }
}

/** Why a plug-in may not run; `undefined` where it may. */
export function plugInRefusal(
  { name, path, digest, problem }: PlugInFile,
  plugins: Grants['plugins'],
): string | undefined {
  if (problem !== undefined) return problem;
  const grant = plugins.get(name);
  if (grant === undefined) return `the plug-in ${name} may not run`;
  if (grant.digest !== digest) return `the plug-in ${name} is not the file that may run: its digest is another one`;
  return (grant.path ?? name) === (path ?? name)
    ? undefined
    : `the plug-in ${name} may run only as ${grant.path ?? name}`;
}

function* missingOrigins({ origins, destinations }: Needs, { origins: granted }: Grants): Iterable<MissingGrant> {
  const line = formatGrantsWord('origins', [...new Set([...(granted ?? []), ...origins.map(({ what }) => what)])]);
  for (const { source, what } of origins) {
    if (mayReach(what, granted)) continue;
    const message = `${what} may not be reached${granted === undefined ? ': it is what surrounds the agent' : ''}`;
    yield { code: 'ORIGIN_NOT_GRANTED', entry: `source ${source}`, message, line };
  }
  for (const { source, what, credentials, usual } of destinations) {
    // Said above, or granted by name.
    if (granted?.includes(what) === true || !mayReach(what, granted)) continue;
    const where = usual === undefined ? 'only where that is named' : `to ${usual} only`;
    const message = `${credentials.join(' and ')} may not be sent to ${what}: what is not sealed goes ${where}`;
    yield { code: 'ORIGIN_NOT_GRANTED', entry: `source ${source}`, message, line };
  }
}

export function mayReach(origin: string, granted: Grants['origins']): boolean {
  return granted === undefined ? !surroundsPod(origin) : granted.includes(origin);
}

function* missingFiles(needs: Needs, { files: root }: Grants): Iterable<MissingGrant> {
  const { files, folder } = needs;
  const wanted = filesRoot(needs, root);
  for (const need of files) {
    const allowed = readableFolders(folder, root);
    if (mayRead(need, folder, root)) continue;
    const message = `the ${FILE_NAMES[need.as]} ${need.what} may not be read: it is outside of ${allowed.join(' and ')}`;
    const line = wanted === undefined ? {} : { line: formatGrantsWord('files', wanted) };
    yield { code: 'FILE_NOT_GRANTED', entry: `source ${need.source}`, message, ...line };
  }
}

const FILE_NAMES: Readonly<Record<FileNeed['as'], string>> = {
  source: 'file',
  credential: 'credential',
  certificates: 'certificates in',
};

const CODES: Readonly<Record<PolicyRefusal['grant'], MissingGrantCode>> = {
  types: 'TYPE_NOT_GRANTED',
  metadataPrefixes: 'METADATA_NOT_GRANTED',
  reservedNamespaces: 'NAMESPACE_RESERVED',
  names: 'NAME_NOT_GRANTED',
};

function missingForSecrets({ secrets }: Needs, { policy }: HeldGrants): readonly MissingGrant[] {
  const refused = secrets.flatMap((secret) =>
    policyRefusals(policy, secret).map((refusal) => ({
      entry: `Secret ${secret.namespace}/${secret.name}`,
      secret,
      refusal,
    })),
  );
  const whatOf = (grant: PolicyRefusal['grant']): readonly string[] =>
    refused.flatMap(({ refusal }) => (refusal.grant === grant ? [refusal.what] : []));
  const added = (grant: 'types' | 'metadataPrefixes' | 'names'): string =>
    formatGrantsWord(
      grant,
      [...new Set([...(policy[grant] ?? []), ...whatOf(grant)])].filter((entry) => entry !== ''),
    );
  const reserved = [...(policy.reservedNamespaces ?? [])].filter(
    (entry) => entry !== '' && !whatOf('reservedNamespaces').includes(entry),
  );
  const lines: Readonly<Record<PolicyRefusal['grant'], string>> = {
    types: added('types'),
    metadataPrefixes: added('metadataPrefixes'),
    names: added('names'),
    reservedNamespaces: formatGrantsWord('reservedNamespaces', reserved),
  };
  return refused.map(({ entry, secret, refusal }) => {
    const { grant, word } = refusal;
    if (word === 'grants')
      return { code: 'LISTS_MISSING', entry, message: `the list ${grant} is missing: every write is refused` };
    const missing = { code: CODES[grant], entry, message: refusalText(refusal, secret) };
    return word === 'values' ? missing : { ...missing, line: lines[grant] };
  });
}

function refusalText({ word, what }: PolicyRefusal, { labels }: SecretEntry): string {
  switch (word) {
    case 'namespace':
      return `the namespace ${what} is reserved`;
    case 'name':
      return 'it is not among the names that may be written';
    case 'type':
      return `the type ${what} may not be written`;
    case 'labels':
      return `the label ${what} may not be set`;
    case 'annotations':
      return `the annotation ${what} may not be set`;
    case 'values':
      return `the label ${what} must be disabled, not ${labels[what] ?? 'something else'}`;
    case 'grants':
      return 'a list is missing';
  }
}

function* missingPushes({ pushes }: Needs, grants: Grants): Iterable<MissingGrant> {
  const missing = pushes.filter((push) => !grantsPush(grants, push));
  const line = formatGrantsWord(
    'pushes',
    [...grants.pushes, ...missing].map(({ from, to }) => ({ from, to })),
  );
  for (const { from, to } of missing) {
    yield { code: 'PUSH_NOT_GRANTED', entry: `push ${from}`, message: `it may not be carried to ${to}`, line };
  }
}

function* missingRestarts({ restarts }: Needs, { policy }: HeldGrants): Iterable<MissingGrant> {
  const missing = restarts.filter(({ workload }) => !grantsRestart(policy, workload));
  const line = restartsLine(
    policy,
    missing.map(({ workload }) => workload),
  );
  for (const { secret, workload } of missing)
    yield { code: 'RESTART_NOT_GRANTED', entry: `Secret ${secret}`, message: restartRefusal(workload), line };
}

/** The word `restarts` as it has to be for these too. */
export function restartsLine({ restarts = new Set() }: HeldGrants['policy'], workloads: readonly string[]): string {
  return formatGrantsWord('restarts', [...new Set([...restarts, ...workloads])]);
}

export function restartRefusal(workload: string): string {
  const namespace = workload.slice(0, workload.indexOf('/'));
  if (workload.endsWith('/*')) return `not everything that uses it may be restarted in the namespace ${namespace}`;
  return `${workload.slice(namespace.length + 1)} of the namespace ${namespace} may not be restarted`;
}
