/** The install files for another namespace than `hikyaku`: the agent's id and every name that is not inside the namespace change with it. */
export function rightsIn(namespace: string, manifests: string): string {
  return manifests
    .replaceAll('system:serviceaccount:hikyaku:hikyaku', `system:serviceaccount:${namespace}:hikyaku`)
    .replaceAll(/^(\s*)namespace: hikyaku$/gm, `$1namespace: ${namespace}`)
    .replaceAll(/(kind: Namespace\nmetadata:\n\s+name: )hikyaku$/gm, `$1${namespace}`)
    .replaceAll(/\bhikyaku-(own|restarts)\b/g, `${namespace}-$1`)
    .replaceAll(/(request\.namespace [!=]= )'hikyaku'/g, `$1'${namespace}'`)
    .replaceAll(`orValue('') == 'hikyaku'`, `orValue('') == '${namespace}'`)
    .replaceAll(`'hikyaku' in `, `'${namespace}' in `)
    .replaceAll(`expression: "'hikyaku'"`, `expression: "'${namespace}'"`)
    .replaceAll(/hikyaku\.dev\/(agent|merge)=hikyaku/g, `hikyaku.dev/$1=${namespace}`);
}
