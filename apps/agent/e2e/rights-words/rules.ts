import { field, parseManifests, readInstallFile } from '@hikyaku/testbed';

/** Every rule and every validation of the install files, under the names that statements use. */
export async function allRules(): Promise<readonly string[]> {
  const own = parseManifests(await readInstallFile('rights-own.yaml'));
  const restarts = parseManifests(await readInstallFile('rights-restarts.yaml'));
  const rules = [
    ...own.flatMap((object) => rulesIn(object, 'cluster')),
    ...restarts.flatMap((object) => rulesIn(object, 'restarts')),
  ];
  return [...new Set(rules)];
}

function rulesIn(object: unknown, clusterRole: string): readonly string[] {
  const name = String(field(object, 'metadata', 'name')).replace('hikyaku-', '');
  switch (field(object, 'kind')) {
    case 'ClusterRole':
      return grantedBy(object, clusterRole);
    case 'Role':
      return grantedBy(object, 'own namespace');
    case 'ValidatingAdmissionPolicy':
      return list(field(object, 'spec', 'validations')).map(
        (rule) => `policy ${name}: ${/^hikyaku: ([A-Za-z ]+): /.exec(String(field(rule, 'message')))?.[1]}`,
      );
    case 'ValidatingAdmissionPolicyBinding':
      return field(object, 'spec', 'paramRef', 'parameterNotFoundAction') === 'Deny'
        ? [`binding ${name}: denies without parameters`]
        : [];
    default:
      return [];
  }
}

function grantedBy(role: unknown, where: string): readonly string[] {
  return list(field(role, 'rules')).flatMap((rule) => {
    const names = list(field(rule, 'resourceNames'));
    const things = list(field(rule, 'resources')).flatMap((resource) =>
      names.length === 0 ? [String(resource)] : names.map((name) => `${String(resource)} ${String(name)}`),
    );
    return list(field(rule, 'verbs')).flatMap((verb) => things.map((thing) => `${where}: ${String(verb)} ${thing}`));
  });
}

/** The rules that let a request pass, with and without the name of its object. */
export function ruleOf(method: string, path: string): readonly string[] {
  const [, namespace, resource = '', object, sub] =
    /^\/apis?\/(?:[a-z.0-9]+\/)?v1\/(?:namespaces\/([^/?]+)\/)?([a-z]+)(?:\/([^/?]+))?(?:\/([^/?]+))?/.exec(path) ?? [];
  const name = object ?? /metadata\.name%3D([^&]+)/.exec(path)?.[1];
  const thing = sub === undefined ? resource : `${resource}/${sub}`;
  const verb = verbOf(method, path, object !== undefined);
  return ['cluster', 'restarts', ...(namespace === 'hikyaku' ? ['own namespace'] : [])].flatMap((where) => [
    `${where}: ${verb} ${thing}`,
    ...(name === undefined ? [] : [`${where}: ${verb} ${thing} ${name}`]),
  ]);
}

function verbOf(method: string, path: string, isOne: boolean): string {
  if (method !== 'GET') return { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' }[method] ?? method;
  if (path.includes('watch=1')) return 'watch';
  return isOne ? 'get' : 'list';
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
