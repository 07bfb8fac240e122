import { dirname } from 'node:path';
import { commandLines } from '../doctor/command-lines.ts';
import type { CommandLines } from '../doctor/command-lines.ts';
import type { GlobalOptions } from '../global-options.ts';
import type { Hooked } from './commit-hook.ts';
import { shellWord } from '../output/shell-word.ts';
import type { Style } from '../output/style.ts';
import { fingerprintsText } from '../sealing/recipients-key.ts';
import type { RecipientKeys } from '../sealing/recipients-for.ts';
import { recipientNames } from '../sealing/recipients-text.ts';

export interface Done {
  /** With the context. */
  readonly options: GlobalOptions;
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
  const { options, recipients, made, sealed, files, image, hook, keyFile } = done;
  const [cluster] = recipients;
  const good = style.good('✓');
  const { context: _, ...others } = options;
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
    `  ${linesFor(options).hikyaku('plan')}\n`,
    `  ${commitLine(dirname(options.config), cluster?.name ?? '')}\n`,
    `  ${applyLine(options)}\n`,
    `\nAnother cluster: ${linesFor(others).hikyaku('init --context CONTEXT')}\n`,
  ].join('');
}

/** After a cluster was added to a config that was there. */
export function nextStepsOfAdded(options: GlobalOptions): string {
  return `\nNext: commit and push, and in that cluster the same files:\n\n  ${applyLine(options)}\n`;
}

function applyLine(options: GlobalOptions): string {
  return `${linesFor(options).kubectl(`apply -k ${shellWord(dirname(options.config))}`)}   # or Flux, or Argo CD`;
}

/** The folder may be in another repository than the one where this was asked. */
function commitLine(folder: string, cluster: string): string {
  const git = folder === '.' ? 'git' : `git -C ${shellWord(folder)}`;
  return `${git} add . && ${git} commit -m "hikyaku for ${cluster}" && ${git} push`;
}

function linesFor(options: GlobalOptions): CommandLines {
  return commandLines(options, { isDefaultConfig: options.config === 'hikyaku.yaml' });
}
