import { dirname } from 'node:path';
import type { Hooked } from './commit-hook.ts';
import { shellFlag, shellWord } from '../output/shell-word.ts';
import type { Style } from '../output/style.ts';
import { fingerprintsText } from '../sealing/recipients-key.ts';
import type { RecipientKeys } from '../sealing/recipients-for.ts';
import { recipientNames } from '../sealing/recipients-text.ts';

export interface Done {
  readonly config: string;
  readonly context: string;
  /** The cluster first. */
  readonly recipients: readonly RecipientKeys[];
  /** Whether its identity was made now. */
  readonly made: boolean;
  /** Whether a token is sealed. */
  readonly sealed: boolean;
  readonly files: readonly string[];
  readonly image: string | undefined;
  readonly hook?: Hooked;
  /** Where the private key of the person is now. */
  readonly keyFile?: string;
}

export function nextSteps(done: Done, style: Style): string {
  const { config, context, recipients, made, sealed, files, image, hook, keyFile } = done;
  const [cluster] = recipients;
  const good = style.good('✓');
  const folder = shellWord(dirname(config));
  const flag = config === 'hikyaku.yaml' ? '' : shellFlag('--config', config);
  return [
    `${good} ${cluster?.name} (${fingerprintsText(cluster?.keys ?? [])}) has ${made ? 'an identity now' : 'its identity already'}\n`,
    ...(keyFile === undefined ? [] : [`${good} your own key is in ${keyFile}: keep a copy where your passwords are\n`]),
    ...(sealed ? [`${good} the token is sealed to ${recipientNames(recipients)}\n`] : []),
    ...(recipients.some(({ backup }) => backup)
      ? []
      : [`${style.change('!')} only clusters can open what is sealed: hikyaku recipients new me --backup\n`]),
    `${good} written: ${files.join(', ')}\n`,
    ...(hook === undefined ? [] : [`${hook.isInstalled ? good : style.change('!')} ${hook.text}\n`]),
    '\nNext, as there is nothing secret in them:\n\n',
    ...(image === undefined ? ['  # the image in install/image.yaml: docs/run-in-a-cluster.md\n'] : []),
    `  hikyaku plan${flag}${shellFlag('--context', context)}\n`,
    `  git add ${folder} && git commit -m "hikyaku for ${cluster?.name}" && git push\n`,
    `  kubectl${shellFlag('--context', context)} apply -k ${folder}   # or Flux, or Argo CD\n`,
    `\nAnother cluster: hikyaku init${flag} --context CONTEXT\n`,
  ].join('');
}

/** After a cluster was added to a config that was there. */
export function nextStepsOfAdded(config: string, context: string): string {
  return `\nNext: commit and push, and in that cluster the same files:\n\n  kubectl${shellFlag('--context', context)} apply -k ${shellWord(dirname(config))}   # or Flux, or Argo CD\n`;
}
