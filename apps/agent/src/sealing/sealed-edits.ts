import { removeValue, setValue } from '@hikyaku/config';
import type { EditValue } from '@hikyaku/config';
import type { ConfigEdit } from './sealed-config.ts';
import { sealedAt } from './sealed-fields.ts';
import type { CredentialPlace, SealedField } from './sealed-fields.ts';

/** Puts a value where one stands, or where none does yet. */
export function editToSet(file: string, path: readonly string[], value: EditValue): ConfigEdit {
  return { file, change: (text) => setValue(text, path, value) };
}

/** The first one starts a list with a line for each. */
export function editToSetRecipient(file: string, name: string, value: EditValue): ConfigEdit {
  return {
    file,
    change: (text) => {
      const set = setValue(text, ['recipients', name], value);
      if (ON_ONE_LINE.test(text)) return set;
      return set.replace(
        /^recipients: \{ (.*) \}(\r?)$/m,
        (_, first: string, end: string) => `recipients:${end}\n  ${first}${end}`,
      );
    },
  };
}

const ON_ONE_LINE = /^recipients: *\{ *[^ }]/m;

export function editToRemove(file: string, path: readonly string[]): ConfigEdit {
  return { file, change: (text) => removeValue(text, path) };
}

/** The same value in another text. */
export function editToRewrap({ path, sealed }: SealedField, text: string): ConfigEdit {
  return editToSet(sealed.position.file, [...path, 'sealed'], text);
}

/** Only the text where a good one was before; else whatever says where the credential is kept. */
export function editToSeal(
  place: CredentialPlace & { readonly cluster?: string },
  text: string,
  wasWrong: boolean,
): ConfigEdit {
  const { source, path, reference, cluster } = place;
  const { file } = source.position;
  const before = sealedAt(place).find((field) => field.cluster === cluster);
  if (before !== undefined) {
    // What is sealed by us is bound, and is no exception any more.
    const isWhole = wasWrong || before.sealed.unbound;
    return isWhole ? editToSet(file, before.path, { sealed: text }) : editToRewrap(before, text);
  }
  if (cluster === undefined) return editToSet(file, path, { sealed: text });
  const others = reference !== undefined && 'perCluster' in reference;
  return others
    ? editToSet(file, [...path, 'perCluster', cluster], { sealed: text })
    : editToSet(file, path, { perCluster: { [cluster]: { sealed: text } } });
}

/** What would be written, to be put in by hand. */
export function sealedBlock({ path, cluster }: CredentialPlace & { readonly cluster?: string }, text: string): string {
  const field = path.at(-1) ?? '';
  const keys = [field, ...(cluster === undefined ? [] : ['perCluster', cluster])];
  const lines = keys.map((key, depth) => `${'  '.repeat(depth)}${/^[\w-]+$/.test(key) ? key : JSON.stringify(key)}:`);
  const indent = '  '.repeat(keys.length);
  return `${lines.join('\n')}\n${indent}sealed: |\n${text.trimEnd().replaceAll(/^/gm, `${indent}  `)}\n`;
}
