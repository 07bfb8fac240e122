import { SecretValue } from '@hikyaku/core';
import { bindBodyOf, isBound, parseBindBody } from './bind-stanza.ts';
import type { Opened } from './open.ts';
import { isSealedErrorCode, SealedError } from './sealed-error.ts';

/** What an Opener writes to its process: one JSON text, and then the end. */
export type OpenerRequest =
  | { readonly do: 'open'; readonly texts: readonly string[]; readonly identities: readonly string[] }
  | { readonly do: 'recipientsOf'; readonly identities: readonly string[] }
  | { readonly do: 'generate' };

/** One for each thing asked for; the process answers a list of them as one JSON text. One with a `code` is a SealedError. */
export type AnswerItem = Readonly<Record<string, string>>;

export function itemOfError({ code, message }: SealedError): AnswerItem {
  return { code, message };
}

export function itemOfOpened({ value, header }: Opened): AnswerItem {
  const base64 = Buffer.from(value.reveal()).toString('base64');
  return { value: base64, ...(isBound(header) && { bind: bindBodyOf(header) }) };
}

/** Undefined where it is none. */
export function openedOf({ value, bind }: AnswerItem): Opened | undefined {
  const bytes = Buffer.from(value ?? '', 'base64');
  if (bytes.toString('base64') !== value) return undefined;
  const header = bind === undefined ? { recipients: new Map(), seen: new Map() } : parseBindBody(Buffer.from(bind));
  return { value: SecretValue.of(bytes), header };
}

/** `count` of them, each one with strings only; undefined where the text is anything else. */
export function parseAnswer(text: string, count: number): readonly (AnswerItem | SealedError)[] | undefined {
  const items = parseJson(text);
  if (!Array.isArray(items) || items.length !== count || !items.every(isAnswerItem)) return undefined;
  return items.map((item) => {
    const { code, message } = item;
    return isSealedErrorCode(code) && message !== undefined ? new SealedError(code, message) : item;
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // its message would quote the text
  }
}

function isAnswerItem(item: unknown): item is AnswerItem {
  if (typeof item !== 'object' || item === null || Array.isArray(item)) return false;
  return Object.values(item).every((field) => typeof field === 'string');
}
