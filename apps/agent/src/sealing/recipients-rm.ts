import type { Config, Recipient } from '@hikyaku/config';
import { EXIT } from '../exit-code.ts';
import type { Edge } from '../edge.ts';
import type { ExitCode } from '../exit-code.ts';
import type { LoadConfigOptions } from '../load-config-file.ts';
import { shellWord } from '../output/shell-word.ts';
import { styleFor } from '../output/style.ts';
import { UserError } from '../user-error.ts';
import type { Style } from '../output/style.ts';
import { exposureOf, knownNames } from './exposure.ts';
import type { ExposedCredential } from './exposure.ts';
import { valuesIn } from './lint-values.ts';
import { findRecipient } from './recipients-change.ts';
import { rewrapConfig } from './rewrap-config.ts';
import type { RewrapOptions } from './rewrap-config.ts';
import { rewrapJson, rewrappedText } from './rewrap-text.ts';
import { SealedConfig } from './sealed-config.ts';
import type { ConfigEdit } from './sealed-config.ts';
import { editToRemove } from './sealed-edits.ts';
import { sealedFields } from './sealed-fields.ts';
import type { SealedField } from './sealed-fields.ts';

export type RemoveRecipientOptions = LoadConfigOptions & RewrapOptions;

/** Takes a key out of the config and of everything that is sealed, and says what its owner knows all the same. */
export async function removeRecipient(name: string, options: RemoveRecipientOptions, edge: Edge): Promise<ExitCode> {
  const before = await SealedConfig.read(options, edge);
  const { config } = before;
  const removed = findRecipient(config, name, options.config);
  refuseNamed(config, name);
  const fields = sealedFields(config);
  const own = fields.filter(({ cluster }) => cluster === name);
  const rest = [...config.recipients.values()].filter((recipient) => recipient !== removed);
  const hasBackup = rest.some(({ backup }) => backup);
  const { sources } = exposureOf(config, await valuesIn(config), name);
  const known = sources.flatMap(({ credentials }) => credentials);

  const { steps, files, after } = await rewrapConfig(
    {
      before,
      fields: fields.filter((field) => !own.includes(field)),
      recipients: rest,
      named: [],
      edits: [editToRemove(removed.position.file, ['recipients', name]), ...own.map((field) => withoutOwn(field))],
    },
    options,
    edge,
  );
  if (options.json === true) {
    const dropped = own.map((field) => field.name);
    edge.stdout.write(
      `${JSON.stringify({ removed: name, dropped, values: rewrapJson(steps), files, known }, null, 2)}\n`,
    );
    return EXIT.fine;
  }
  const style = styleFor(edge, edge.stdout);
  const isKnown = known.length > 0 && knownNames(after, await valuesIn(after)).has(name);
  edge.stdout.write(
    [
      `${style.good('✓')} ${name} is no recipient any more\n`,
      ...own.map((field) => droppedText(field)),
      steps.length === 0 ? '' : rewrappedText(steps, files, style),
      hasBackup ? '' : `${style.change('!')} no backup key is left: only clusters can open what is sealed\n`,
      known.length === 0 ? '' : knownText(removed, known, style),
      isKnown ? style.faint(`the whole list, with what it was used for: hikyaku exposure ${name}`) + '\n' : '',
    ].join(''),
  );
  return EXIT.fine;
}

/** What an entry without its cluster should become, a person decides. */
function refuseNamed({ secrets, pushes }: Config, name: string): void {
  const entries = [...secrets, ...pushes].filter(({ clusters }) => clusters?.has(name));
  if (entries.length === 0) return;
  const lines = new Set(
    entries.map(({ position: { file, line }, clusters = [] }) => {
      const others = [...clusters].some((cluster) => cluster !== name);
      return `${file}:${line}: ${others ? `take ${name} out of clusters` : `for ${name} alone: take the entry out`}`;
    }),
  );
  throw new UserError([`${name} is still named; nothing was written`, ...lines].join('\n'));
}

/** With the last one of them, the credential. */
function withoutOwn(field: SealedField): ConfigEdit {
  const { path, sealed } = field;
  return editToRemove(sealed.position.file, isLast(field) ? path.slice(0, -2) : path);
}

function isLast({ source, field }: SealedField): boolean {
  const reference = source.credentials.get(field);
  return reference !== undefined && 'perCluster' in reference && reference.perCluster.size === 1;
}

function droppedText(field: SealedField): string {
  const name = `providers.${field.source.name}.${field.field}`;
  const rest = isLast(field) ? `; no cluster has one now: hikyaku seal ${shellWord(name)}` : '';
  return `  its own value ${field.name} is removed${rest}\n`;
}

/** Revocation debt: only another value ends it. */
function knownText({ name }: Recipient, known: readonly ExposedCredential[], style: Style): string {
  const lines = known.flatMap(({ path, replace, seal, revoke }) => [
    `  ${style.change('!')} ${path}\n`,
    ...[replace, seal, revoke].flatMap((text) => (text === undefined ? [] : [`      ${text}\n`])),
  ]);
  return `\nWhat ${name} could read it still can, from the history of Git. Only this ends it:\n${lines.join('')}\n`;
}
