/** Types that an agent must not write, and why. */
const REFUSED: ReadonlyMap<string, string> = new Map([
  ['kubernetes.io/service-account-token', 'Kubernetes fills such a Secret with a token of a ServiceAccount'],
  ['bootstrap.kubernetes.io/token', 'such a Secret lets machines join the cluster'],
  ['helm.sh/release.v1', 'Helm takes such a Secret for a release of its own'],
]);

/** What the API server asks of the keys of a Secret: each group needs one of its keys. */
const REQUIRED: ReadonlyMap<string, readonly (readonly string[])[]> = new Map([
  ['kubernetes.io/tls', [['tls.crt'], ['tls.key']]],
  ['kubernetes.io/dockerconfigjson', [['.dockerconfigjson']]],
  ['kubernetes.io/dockercfg', [['.dockercfg']]],
  ['kubernetes.io/basic-auth', [['username', 'password']]],
  ['kubernetes.io/ssh-auth', [['ssh-privatekey']]],
]);

/** Why a Secret of this type is refused. */
export function refusedTypeReason(type: string): string | undefined {
  return REFUSED.get(type);
}

/** What a Secret of this type lacks: `` `tls.key` ``, or several to choose from. */
export function missingKeysOf(type: string, keys: ReadonlySet<string>): readonly string[] {
  return (REQUIRED.get(type) ?? [])
    .filter((group) => !group.some((key) => keys.has(key)))
    .map((group) => group.map((key) => `\`${key}\``).join(' or '));
}
