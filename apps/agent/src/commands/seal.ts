import { SecretValue } from '@hikyaku/core';
import { seal as sealValue, SealedError } from '@hikyaku/sealing';
import type { Binding } from '@hikyaku/sealing';
import { bindingOfCredential } from '../credentials/binding-of-credential.ts';
import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import type { LoadConfigOptions } from '../load-config-file.ts';
import { styleFor } from '../output/style.ts';
import type { Style } from '../output/style.ts';
import { valuesIn } from '../sealing/lint-values.ts';
import { sealRecipients } from '../sealing/recipients-for.ts';
import type { RecipientKeys } from '../sealing/recipients-for.ts';
import { listedRecipients } from '../sealing/recipients-list.ts';
import { listOf, recipientJson } from '../sealing/recipients-text.ts';
import { checkForm, headerOfSame, isSealedLike, recipientsToSealTo } from '../sealing/seal-credential.ts';
import { aboutToSeal, formerReaders, strangersText } from '../sealing/seal-text.ts';
import { SealedConfig } from '../sealing/sealed-config.ts';
import { editToSeal, sealedBlock } from '../sealing/sealed-edits.ts';
import { findCredential, sealedAt } from '../sealing/sealed-fields.ts';
import type { CredentialPlace } from '../sealing/sealed-fields.ts';
import { StagedFiles } from '../sealing/sealed-files.ts';
import { identitiesWithoutAsking } from '../sealing/sealed-identities.ts';
import type { IdentityOptions } from '../sealing/sealed-identities.ts';
import { UserError } from '../user-error.ts';
import { readValue } from '../writing/read-value.ts';

export type SealCommandOptions = LoadConfigOptions &
  IdentityOptions & {
    /** The only cluster that the value is for. */
    readonly cluster?: string;
    readonly fromFile?: string;
    /** The block, and no change of the file. */
    readonly print?: boolean;
    /** One value for all in the place of one per cluster, or the other way round. */
    readonly replace?: boolean;
  };

/** Seals one credential into the config. The value is never an argument: the history and the process list would keep it. */
export async function seal(text: string, options: SealCommandOptions, edge: Edge): Promise<ExitCode> {
  const { config: path, print = false, replace = false, json = false } = options;
  const { stdout, stderr } = edge;
  const style = styleFor(edge, stderr);
  const before = await SealedConfig.read(options, edge, { replacing: text });
  const found = findCredential(before.config, text, { ...options, config: path });
  // What stands there is no credential of any form.
  const place = before.mended === found.name ? { ...found, reference: undefined } : found;
  const { cluster } = place;
  const recipients = recipientsToSealTo(before.config, cluster, path);
  checkForm(place, cluster, replace);
  const binding = await bindingOfCredential(place.source, place.field);

  const listed = listedRecipients(before.config, await valuesIn(before.config));
  const strangers = strangersText(listed, recipients).map((line) => `${style.change('!')} ${line}\n`);
  stderr.write(aboutToSeal(place, binding, recipients, style) + strangers.join(''));
  const value = await readCredentialValue(place.name, options, edge);
  const current = sealedAt(place).find((field) => field.cluster === cluster);
  const same =
    current && (await headerOfSame(current.sealed.text, value, await identitiesWithoutAsking(options, edge)));
  stderr.write(warnings(before, cluster, recipients, value, style));
  const former = same === undefined ? [] : formerReaders(same, recipients);
  if (former.length > 0)
    stderr.write(`${style.change('!')} it is the same value as before, which ${listOf(former)} could open, too\n`);
  if (!print && same !== undefined && isSealedLike(same, binding, recipients)) {
    tell(place, before, binding, recipients, { changed: false, json }, edge);
    return EXIT.fine;
  }

  const sealed = await sealTo(value, {
    recipients: sealRecipients(recipients),
    binding,
    ...(same !== undefined && { before: same }),
    now: Date.now(),
  });
  if (print) {
    stdout.write(sealedBlock(place, sealed));
    return EXIT.fine;
  }
  const after = await before.with([editToSeal(place, sealed, before.mended !== undefined)]);
  await using files = await StagedFiles.of(before.changesTo(after));
  edge.signal.throwIfAborted();
  await files.putInPlace();
  tell(place, after, binding, recipients, { changed: true, json }, edge);
  return EXIT.fine;
}

async function sealTo(...[value, options]: Parameters<typeof sealValue>): Promise<string> {
  try {
    return await sealValue(value, options);
  } catch (error) {
    if (error instanceof SealedError) throw new UserError(`${error.message}; nothing was written`);
    throw error;
  }
}

async function readCredentialValue(name: string, { fromFile }: SealCommandOptions, edge: Edge): Promise<SecretValue> {
  const value = await readValue(
    name,
    { ...(fromFile !== undefined && { fromFile }), allowEmpty: true, otherWays: '--from-file or a pipe' },
    edge,
  );
  if (value.byteLength === 0) throw new UserError(`the value of ${name} is empty: nothing was written`);
  return value;
}

function warnings(
  { config, mended }: SealedConfig,
  cluster: string | undefined,
  recipients: readonly RecipientKeys[],
  value: SecretValue,
  style: Style,
): string {
  const text = value.text() ?? '';
  const texts = [
    ...(mended === undefined
      ? []
      : [
          'a value stood in the file itself: where it was ever committed, get a new one from its service, and seal that',
        ]),
    ...(recipients.some(({ backup }) => backup)
      ? []
      : ['only clusters can open it: add your own key, too: hikyaku recipients new me --backup']),
    ...(text !== text.trim() && !text.includes('\n') ? ['the value begins or ends with white space'] : []),
    ...[...config.recipients.values()].flatMap(({ name, keys }) =>
      keys.length === 0 && cluster === undefined ? [`${name} has no key under recipients: it cannot open it`] : [],
    ),
  ];
  return texts.map((line) => `${style.change('!')} ${line}\n`).join('');
}

function tell(
  { name, source, field, cluster }: CredentialPlace & { readonly cluster?: string },
  { config }: SealedConfig,
  binding: Binding,
  recipients: readonly RecipientKeys[],
  { changed, json }: { readonly changed: boolean; readonly json: boolean },
  edge: Edge,
): void {
  const { stdout } = edge;
  const place = findCredential(config, `${source.name}.${field}`, { config: '' });
  const { file, line } = sealedAt(place).find((value) => value.cluster === cluster)?.sealed.position ?? source.position;
  if (json) {
    const { use, to, ca } = binding;
    const result = { path: name, ...(cluster !== undefined && { cluster }), file, line, changed, use, to, ca };
    stdout.write(`${JSON.stringify({ ...result, recipients: recipients.map(recipientJson) }, null, 2)}\n`);
    return;
  }
  const style = styleFor(edge, stdout);
  const whose = cluster === undefined ? '' : ` for ${cluster}`;
  stdout.write(
    changed
      ? `${style.good('✓')} ${name} is sealed${whose} in ${file}:${line}\n`
      : `${style.good('✓')} ${name} holds this value${whose} already: nothing was changed\n`,
  );
}
