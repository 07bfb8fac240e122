/** As people name a sealed value of the config; `cluster`: the only one that it is for. */
export function sealedPath(source: string, field: string, cluster?: string): string {
  return `providers.${source}.${field}${cluster === undefined ? '' : `.perCluster.${cluster}`}`;
}
