import type { Stanza } from './age-header.ts';
import type { Binding } from './binding.ts';
import { SealedError } from './sealed-error.ts';
import type { SealedHeader } from './sealed-header.ts';

/** A stanza that age ignores but authenticates (https://c2sp.org/age): the binding stands in it. */
const NAME = 'hikyaku.dev/bind';
const VERSION = 'v1';
const LONGEST_BODY = 64 * 1024;

/** A header that hikyaku wrote. */
export type BoundHeader = SealedHeader & Required<Pick<SealedHeader, 'binding' | 'sealedAt'>>;

export function isBound(header: SealedHeader): header is BoundHeader {
  return header.binding !== undefined && header.sealedAt !== undefined;
}

/** Throws a SealedError where it could not be read again. */
export function bindStanza(header: BoundHeader): { readonly args: string[]; readonly body: Uint8Array<ArrayBuffer> } {
  const body = new TextEncoder().encode(bindBodyOf(header));
  if (body.length > LONGEST_BODY)
    throw new SealedError('TOO_LARGE', `more recipients than ${LONGEST_BODY} bytes can name`);
  try {
    parseBindBody(body);
  } catch {
    throw new SealedError('INVALID_BINDING', 'what it is for, or the name of a recipient, cannot be written into it');
  }
  return { args: [NAME, VERSION], body };
}

/** What the stanzas of a file say about its use; nothing, where hikyaku did not write it. Throws a SealedError. */
export function headerOf(stanzas: readonly Stanza[]): SealedHeader {
  const [bind, ...more] = stanzas.filter(({ args }) => args[0] === NAME);
  if (bind === undefined) return { recipients: new Map(), seen: new Map() };
  if (more.length > 0) throw new SealedError('DAMAGED', 'it says more than once what it is for');
  if (bind.args.length !== 2 || bind.args[1] !== VERSION)
    throw new SealedError(
      'DAMAGED',
      'what it is for is said in a way that this version of hikyaku does not know: use a newer one',
    );
  return parseBindBody(bind.body);
}

/** One header has one body, byte for byte. */
export function bindBodyOf({ binding: { use, to, ca }, sealedAt, recipients, seen }: BoundHeader): string {
  const names = (map: ReadonlyMap<string, readonly string[]>) =>
    Object.fromEntries(
      [...map].map(([name, fps]) => [name, fps.toSorted()] as const).toSorted(([a], [b]) => (a < b ? -1 : 1)),
    );
  return JSON.stringify({ v: 1, use, to, ca, at: sealedAt, rcpt: names(recipients), seen: names(seen) });
}

/** Throws a SealedError. */
export function parseBindBody(body: Uint8Array): BoundHeader {
  const fields = parseObject(body);
  const { use, to, ca, at, rcpt, seen } = fields;
  if (
    typeof use !== 'string' ||
    // Shown in messages, so nothing that could move a cursor.
    !/^[^\p{C}\p{Zl}\p{Zp}]{1,300}$/u.test(use) ||
    !isListOf(to, isOrigin) ||
    (ca !== undefined && !(typeof ca === 'string' && /^sha256-[\w-]{43}$/.test(ca))) ||
    !isTime(at)
  )
    throw unreadable();
  const header = { binding: bindingFrom(use, to, ca), sealedAt: at, recipients: namesOf(rcpt), seen: namesOf(seen) };
  // Also whatever is there twice, in another order or besides: what is read must be all that was written.
  if (bindBodyOf(header) !== Buffer.from(body).toString()) throw unreadable();
  return header;
}

function bindingFrom(use: string, to: readonly string[], ca: string | undefined): Binding {
  return { use, to, ...(ca !== undefined && { ca }) };
}

function parseObject(body: Uint8Array): Readonly<Record<string, unknown>> {
  if (body.length > LONGEST_BODY) throw unreadable();
  try {
    const parsed: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body));
    if (typeof parsed === 'object' && parsed !== null) return { ...parsed };
  } catch {
    // Its message would quote the text.
  }
  throw unreadable();
}

function namesOf(value: unknown): ReadonlyMap<string, readonly string[]> {
  if (typeof value !== 'object' || value === null) throw unreadable();
  const names = new Map<string, readonly string[]>();
  for (const [name, fingerprints] of Object.entries(value)) {
    if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name)) throw unreadable();
    if (!isListOf(fingerprints, isFingerprint) || fingerprints.length === 0) throw unreadable();
    names.set(name, fingerprints);
  }
  return names;
}

/** Sorted, and each once. */
function isListOf(value: unknown, isItem: (item: unknown) => item is string): value is readonly string[] {
  if (!Array.isArray(value) || value.length > 64) return false;
  const items: readonly unknown[] = value;
  return items.every((item, i) => isItem(item) && (i === 0 || String(items[i - 1]) < item));
}

function isOrigin(item: unknown): item is string {
  if (typeof item !== 'string' || !/^https?:/.test(item) || item.length > 300) return false;
  return URL.canParse(item) && new URL(item).origin === item;
}

function isFingerprint(item: unknown): item is string {
  return typeof item === 'string' && /^[0-9a-f]{24}$/.test(item);
}

function isTime(value: unknown): value is string {
  if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value)) return false;
  const time = Date.parse(value);
  return !Number.isNaN(time) && new Date(time).toISOString() === value;
}

function unreadable(): SealedError {
  return new SealedError('DAMAGED', 'what it says about its use cannot be read');
}
