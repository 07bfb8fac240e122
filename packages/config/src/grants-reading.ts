import { DEFAULT_GRANTS } from './grants.ts';
import type { Grants } from './grants.ts';
import { parseGrants } from './grants-file.ts';
import { readPolicyGrants } from './grants-policy.ts';
import { grantsData } from './grants-text.ts';
import type { PolicyGrants } from './grants-policy.ts';
import type { GrantsData } from './grants-text.ts';
import { isMapping } from './place.ts';
import type { Problem } from './problem.ts';
import { readYaml } from './read-yaml.ts';
import type { ConfigFile } from './read-yaml.ts';

/** What stands in the ConfigMap `hikyaku-grants`, or in a file that says the same. */
export interface GrantsReading {
  /** Where `grants.yaml` cannot be read: nothing at all, so that no source is reached that it may have left out. */
  readonly grants: Grants;
  /** What the API server goes by, whatever `grants.yaml` says. */
  readonly policy: PolicyGrants;
  /** Of `grants.yaml`. */
  readonly problems: readonly Problem[];
  /** There is no `grants.yaml`: the lists of the policy and nothing else is granted. */
  readonly isMissing: boolean;
  /** Lists that `grants.yaml` says and that the policy reads otherwise. */
  readonly disagreeing: readonly string[];
}

const LISTS = ['types', 'reservedNamespaces', 'metadataPrefixes', 'names', 'restarts'] as const;

/** Without the list of `restarts` there are none, as with an empty one. */
const ABSENT = { restarts: [] };

/** Reads the data of the ConfigMap; `where` is what problems call its `grants.yaml`. */
export function readGrantsData(data: GrantsData, where: string): GrantsReading {
  const policy = readPolicyGrants(data);
  const text = data['grants.yaml'];
  if (text === undefined) {
    return { grants: DEFAULT_GRANTS, policy, problems: [], isMissing: true, disagreeing: [] };
  }
  const result = parseGrants({ path: where, text });
  if (!result.ok) {
    const grants = { ...DEFAULT_GRANTS, origins: [] };
    return { grants, policy, problems: result.problems, isMissing: false, disagreeing: [] };
  }
  const wanted = { ...ABSENT, ...readPolicyGrants(grantsData(result.grants)) };
  const read = { ...ABSENT, ...policy };
  const disagreeing = LISTS.filter((word) => result.words.has(word) && !isSame(wanted[word], read[word]));
  return { grants: result.grants, policy, problems: [], isMissing: false, disagreeing };
}

/** Reads a `grants.yaml` of its own, or the manifest of the ConfigMap. */
export function readGrantsFile(file: ConfigFile): GrantsReading {
  const value = readYaml(file).root?.value;
  if (isMapping(value) && value['kind'] === 'ConfigMap') {
    const data = Object.entries(isMapping(value['data']) ? value['data'] : {});
    const texts = data.flatMap(([key, text]): [string, string][] => (typeof text === 'string' ? [[key, text]] : []));
    return readGrantsData(Object.fromEntries(texts), `${file.path} (its key grants.yaml)`);
  }
  return readGrantsData({ ...listsOf(file), 'grants.yaml': file.text }, file.path);
}

function listsOf(file: ConfigFile): GrantsData {
  const result = parseGrants(file);
  return grantsData(result.ok ? result.grants : DEFAULT_GRANTS);
}

function isSame(a: Iterable<string> | undefined, b: Iterable<string> | undefined): boolean {
  return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
}

function sorted(entries: Iterable<string> | undefined): readonly string[] | undefined {
  return entries && [...new Set(entries)].filter((entry) => entry !== '').toSorted();
}
