import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { field, parseManifests } from '@hikyaku/testbed';

/** One thing that RBAC decides about. */
export interface Ask {
  readonly verb: string;
  readonly group: string;
  /** With its subresource: `serviceaccounts/token`. */
  readonly resource: string;
  readonly namespace: string;
  /** Empty where the request names none. */
  readonly name: string;
}

/** What agents asked of an API server that writes it down, and were allowed, each once; of watches by name with that name. */
export async function allowedAsks(directory: string): Promise<readonly Ask[]> {
  const lines = (await readFile(join(directory, 'audit.log'), 'utf8')).split('\n').slice(0, -1);
  const asks = new Map<string, Ask>();
  for (const line of lines) {
    const event: unknown = JSON.parse(line);
    const reference = field(event, 'objectRef');
    // The tests speak as the same ServiceAccount.
    const isAgents = textAt(event, 'userAgent').startsWith('hikyaku');
    if (!isAgents || reference === undefined || decisionOf(event) !== 'allow') continue;
    const text = (key: string) => textAt(reference, key);
    const resource = [text('resource'), text('subresource')].filter((part) => part !== '').join('/');
    const ask = {
      verb: textAt(event, 'verb'),
      group: text('apiGroup'),
      resource,
      namespace: text('namespace'),
      name: text('name'),
    };
    asks.set(JSON.stringify(ask), ask);
    // A PUT that makes its object is asked about twice, and written down once.
    if (ask.verb === 'update' && field(event, 'responseStatus', 'code') === 201)
      asks.set(`made ${JSON.stringify(ask)}`, { ...ask, verb: 'create' });
  }
  return [...asks.values()];
}

function textAt(value: unknown, key: string): string {
  const text = field(value, key);
  return typeof text === 'string' ? text : '';
}

function decisionOf(event: unknown): unknown {
  return field(event, 'annotations', 'authorization.k8s.io/decision');
}

/** One verb on one resource, and one name where the rule has names: the least that can be taken away. */
export interface Grant {
  /** Of the object that has the rule. */
  readonly kind: 'ClusterRole' | 'Role';
  readonly role: string;
  /** Which rule of it. */
  readonly index: number;
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly name?: string;
}

export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

export interface Role {
  readonly kind: 'ClusterRole' | 'Role';
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly rules: readonly Rule[];
}

export function rolesIn(text: string): readonly Role[] {
  return parseManifests(text).flatMap((object) =>
    object.kind === 'Role' || object.kind === 'ClusterRole' ? [object as unknown as Role] : [],
  );
}

export function grantsOf({ kind, metadata, rules }: Role): readonly Grant[] {
  return rules.flatMap(({ apiGroups, resources, resourceNames, verbs }, index) =>
    apiGroups.flatMap((group) =>
      resources.flatMap((resource) =>
        verbs.flatMap((verb) => {
          const grant = { kind, role: metadata.name, index, verb, group, resource };
          return resourceNames === undefined ? [grant] : resourceNames.map((name) => ({ ...grant, name }));
        }),
      ),
    ),
  );
}

/** The rules without one grant: its rule is taken apart into as many as are needed for all of the rest. */
export function rulesWithout({ rules }: Role, grant: Grant): readonly Rule[] {
  return rules.flatMap((rule, index) => {
    if (index !== grant.index) return [rule];
    const { apiGroups, resources, resourceNames = [], verbs } = rule;
    const others = <T>(list: readonly T[], one: T) => list.filter((item) => item !== one);
    const of = (rest: Partial<Rule>): Rule => ({ ...rule, ...rest });
    const [groups, kinds, names] = [
      [grant.group],
      [grant.resource],
      grant.name === undefined ? {} : { resourceNames: [grant.name] },
    ];
    const parts = [
      of({ apiGroups: others(apiGroups, grant.group) }),
      of({ apiGroups: groups, resources: others(resources, grant.resource) }),
      ...(grant.name === undefined
        ? []
        : [of({ apiGroups: groups, resources: kinds, resourceNames: others(resourceNames, grant.name) })]),
      of({ apiGroups: groups, resources: kinds, ...names, verbs: others(verbs, grant.verb) }),
    ];
    return parts.filter(
      (part) =>
        part.apiGroups.length > 0 &&
        part.resources.length > 0 &&
        part.verbs.length > 0 &&
        part.resourceNames?.length !== 0,
    );
  });
}
