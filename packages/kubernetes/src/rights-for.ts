/**
 * The install files (`deploy/rights-*.yaml`, `deploy/grants.yaml`) for an agent in another namespace than `hikyaku`: its id, which is the namespace,
 * and every name that is not inside of it.
 */
export function rightsFor(agent: string, manifests: string): string {
  if (agent === 'hikyaku') return manifests;
  return manifests
    .replaceAll('system:serviceaccount:hikyaku:hikyaku', `system:serviceaccount:${agent}:hikyaku`)
    .replaceAll(/^(\s*)namespace: hikyaku$/gm, `$1namespace: ${agent}`)
    .replaceAll(/(kind: Namespace\nmetadata:\n\s+name: )hikyaku$/gm, `$1${agent}`)
    .replaceAll(/\bhikyaku-(own|restarts)\b/g, `${agent}-$1`)
    .replaceAll(/(request\.namespace [!=]= )'hikyaku'/g, `$1'${agent}'`)
    .replaceAll("orValue('') == 'hikyaku'", `orValue('') == '${agent}'`)
    .replaceAll("'hikyaku' in ", `'${agent}' in `)
    .replaceAll(`expression: "'hikyaku'"`, `expression: "'${agent}'"`)
    .replaceAll(/hikyaku\.dev\/(agent|merge)=hikyaku/g, `hikyaku.dev/$1=${agent}`);
}
