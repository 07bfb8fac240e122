import { formatGrants, formatGrantsConfigMap } from '@hikyaku/config';
import type { Grants } from '@hikyaku/config';

/** The smallest `grants.yaml`, as it is kept beside the config. */
export function grantsFileText(config: string, grants: Grants): string {
  return headerOf(config) + formatGrants(grants);
}

/** The smallest ConfigMap `hikyaku-grants`, as it is applied. */
export function grantsConfigMapText(config: string, grants: Grants, namespace: string): string {
  return headerOf(config) + formatGrantsConfigMap(grants, namespace);
}

function headerOf(config: string): string {
  return `# What ${config} asks for and nothing else, written by hikyaku grants.\n`;
}
