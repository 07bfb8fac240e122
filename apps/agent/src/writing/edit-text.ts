import { SecretValue } from '@hikyaku/core';
import type { Secret } from '@hikyaku/core';
import { Document, isMap, isScalar, parseDocument, Scalar } from 'yaml';
import type { DocumentOptions, SchemaOptions } from 'yaml';
import type { Wish } from './changes.ts';

/** Every plain value is text, so `5432`, `yes` and `null` are what they look like; `!!binary` is for what is no text. */
const YAML: SchemaOptions & DocumentOptions = { schema: 'failsafe', customTags: ['binary'], version: '1.2' };

/** Secrets as a person edits them. */
export function editText(source: string, secrets: ReadonlyMap<string, Secret>): string {
  const document = new Document({}, YAML);
  document.commentBefore = [
    ` The secrets of ${source}. Nothing is written before you have seen what would change.`,
    ' Change a value, add a line for a new secret, remove a line to remove its secret.',
    ' Several lines: NAME: | and the lines below it, indented. Save nothing to change nothing.',
  ].join('\n');
  for (const [name, { value }] of secrets) document.set(name, scalarOf(value));
  return document.toString({ lineWidth: 0 });
}

function scalarOf(value: SecretValue): Scalar {
  const text = value.text();
  if (text === undefined) {
    const scalar = new Scalar(Buffer.from(value.reveal()));
    scalar.tag = 'tag:yaml.org,2002:binary';
    return scalar;
  }
  const scalar = new Scalar(text);
  scalar.type = fitsBlock(text) ? Scalar.BLOCK_LITERAL : isPlain(text) ? Scalar.PLAIN : Scalar.QUOTE_DOUBLE;
  return scalar;
}

/** Certificates and keys are easier to read so; other line breaks and control characters need quotes. */
function fitsBlock(text: string): boolean {
  return /^\S[^\r\n]*\n/.test(text) && !/[^\t\n\x20-\x7e\u00a0-\ud7ff\ue000-\ufffd]|[ \t]\n|[ \t]$/u.test(text);
}

function isPlain(text: string): boolean {
  return /^[\w./+@-]+$/.test(text) && !text.startsWith('-');
}

/** What is wrong, with its line; the text itself is never in it. */
export type EditResult = { readonly wishes: readonly Wish[] } | { readonly problem: string };

/** What the person wants of these secrets. A line that is gone means: remove it. */
export function readEdit(text: string, before: ReadonlyMap<string, Secret>): EditResult {
  const document = parseDocument(text, { ...YAML, prettyErrors: false, uniqueKeys: true });
  const [error] = [...document.errors, ...document.warnings];
  if (error !== undefined) return { problem: `line ${lineAt(text, error.pos[0])} is not YAML (${error.code})` };
  if (document.contents === null || (isMap(document.contents) && document.contents.items.length === 0))
    return { problem: 'the file is empty: that changes nothing; hikyaku unset removes secrets' };
  if (!isMap(document.contents)) return { problem: 'the file must be lines of NAME: value' };

  const wishes: Wish[] = [];
  for (const { key, value } of document.contents.items) {
    const name = isScalar(key) && typeof key.value === 'string' ? key.value : '';
    const at = isScalar(key) ? lineAt(text, key.range?.[0] ?? 0) : 1;
    if (name === '') return { problem: `line ${at}: a secret needs a name` };
    if (value !== null && !isScalar(value)) return { problem: `line ${at}: the value of ${name} must be text` };
    const content: unknown = value?.value ?? '';
    if (typeof content !== 'string' && !(content instanceof Uint8Array))
      return { problem: `line ${at}: the value of ${name} must be text` };
    wishes.push({ name, value: SecretValue.of(content) });
  }
  const kept = new Set(wishes.map(({ name }) => name));
  const removed = [...before.keys()].filter((name) => !kept.has(name)).map((name) => ({ name }));
  return { wishes: [...wishes, ...removed] };
}

function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}
