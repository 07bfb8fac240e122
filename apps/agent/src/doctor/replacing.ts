import type { CredentialReference, SourceConfig } from '@hikyaku/config';
import { printable } from '../output/printable.ts';
import { shellWord } from '../output/shell-word.ts';
import type { Examination } from './examination.ts';
import type { Remedy } from './finding.ts';

export interface CredentialAt {
  readonly source: SourceConfig;
  readonly field: string;
  readonly reference: CredentialReference;
}

/** How a credential is put where the config looks for it. */
export function replacing({ source, field, reference }: CredentialAt, { agent, lines }: Examination): Remedy {
  if ('sealed' in reference || 'perCluster' in reference) {
    return {
      advice: 'seal a good one; it is asked for',
      command: lines.hikyaku(`seal ${shellWord(`providers.${source.name}.${field}`)}`),
    };
  }
  if ('secretRef' in reference) {
    const { name, key, namespace = agent } = reference.secretRef;
    const make = `create secret generic ${name} --namespace ${namespace} --from-file=${shellWord(key)}=/dev/stdin --dry-run=client -o yaml`;
    return {
      advice: 'put a good one there, from standard input',
      command: `${lines.kubectl(make)} | ${lines.kubectl('apply -f -')}`,
    };
  }
  if ('env' in reference) return { advice: `put a good one into the environment variable ${reference.env}` };
  if ('file' in reference) return { advice: `put a good one into ${printable(reference.file)}` };
  return { advice: 'see to it that the service takes tokens of this cluster' };
}
