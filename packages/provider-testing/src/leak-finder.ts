import { inspect } from 'node:util';

/** Something that must not be seen. */
export interface Hidden {
  /** What it is, for the message: "the value of 'GREETING'". */
  readonly what: string;
  readonly bytes: Uint8Array;
  /** Made at random, so that also a piece of it is no accident. */
  readonly random: boolean;
}

/** Shorter ones stand in texts by chance. */
const SHORTEST = 8;

/** Says where in something one of `hidden` can be seen: `cause.message has the value of 'x', as base64`. */
export function createLeakFinder(hidden: readonly Hidden[]): (shown: unknown) => readonly string[] {
  const searched = hidden
    .filter(({ bytes }) => canBeSearched(bytes))
    .map((one) => ({ what: one.what, forms: formsOf(one) }));

  return function findLeaks(shown) {
    const leaks = new Set<string>();
    for (const [path, text] of textsOf(shown)) {
      for (const { what, forms } of searched) {
        const form = forms.find(({ texts }) => texts.some((piece) => text.includes(piece)));
        if (form !== undefined) leaks.add(`${path} has ${what}${form.name}`);
      }
    }
    return [...leaks];
  };
}

export function canBeSearched(bytes: Uint8Array): boolean {
  return bytes.byteLength >= SHORTEST;
}

interface Form {
  readonly name: string;
  readonly texts: readonly string[];
}

function formsOf({ bytes, random }: Hidden): readonly Form[] {
  const buffer = Buffer.from(bytes);
  const raw = buffer.toString('utf8');
  const hex = buffer.toString('hex');
  return [
    { name: '', texts: [raw] },
    { name: ', in part', texts: random ? piecesOf(raw) : [] },
    { name: ', as base64', texts: base64Forms(buffer) },
    {
      name: ', URL-encoded',
      texts: [encodeURIComponent(toWellFormed(raw)), new URLSearchParams({ a: raw }).toString().slice(2)],
    },
    { name: ', as hex', texts: [hex, hex.toUpperCase(), spaced(hex)] },
    { name: ', as JSON', texts: [JSON.stringify(raw).slice(1, -1)] },
  ];
}

function toWellFormed(text: string): string {
  return text.toWellFormed();
}

/** Error messages quote the place that they are about. */
function piecesOf(text: string): readonly string[] {
  return Array.from({ length: Math.max(0, text.length - SHORTEST + 1) }, (_, at) => text.slice(at, at + SHORTEST));
}

/** Also where it stands after other text, as in `authorization: Basic`: the characters that no neighbour decides. */
function base64Forms(buffer: Buffer): readonly string[] {
  return [0, 1, 2].flatMap((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), buffer]).toString('base64');
    const first = shift === 0 ? 0 : shift + 1;
    const last = Math.floor(((shift + buffer.byteLength) * 8) / 6);
    const core = text.slice(first, last);
    return [core, core.replaceAll('+', '-').replaceAll('/', '_')];
  });
}

/** As `inspect` prints a Buffer. */
function spaced(hex: string): string {
  return (hex.match(/../g) ?? []).slice(0, 40).join(' ');
}

const MOST_OBJECTS = 20_000;
const DEEPEST = 12;

/** Every text that can be reached, by its path: properties that are shown or not, causes, items, bytes; and what printing gives. */
function* textsOf(shown: unknown): Generator<readonly [path: string, text: string]> {
  yield ['printed, it', inspect(shown, { depth: 8, maxStringLength: null, maxArrayLength: null })];
  const seen = new Set<object>();
  const queue: (readonly [path: string, value: unknown, depth: number])[] = [['', shown, 0]];
  for (let next = queue.shift(); next !== undefined && seen.size < MOST_OBJECTS; next = queue.shift()) {
    const [path, value, depth] = next;
    if (typeof value === 'string') yield [path || 'it', value];
    if (typeof value !== 'object' || value === null || seen.has(value) || depth > DEEPEST || isSecretValue(value))
      continue;
    seen.add(value);
    if (value instanceof Uint8Array) {
      yield [path || 'it', Buffer.from(value).toString('utf8')];
      continue;
    }
    for (const [key, child] of childrenOf(value)) {
      if (typeof key === 'string') yield [`the name of a field of ${path || 'it'}`, key];
      queue.push([path === '' ? String(key) : `${path}.${String(key)}`, child, depth + 1]);
    }
  }
}

function* childrenOf(value: object): Generator<readonly [PropertyKey, unknown]> {
  if (value instanceof Map) for (const [key, child] of value) yield [String(key), child];
  if (value instanceof Set) yield* [...value].entries();
  for (const key of Reflect.ownKeys(value)) {
    const property = Object.getOwnPropertyDescriptor(value, key);
    if (property !== undefined && 'value' in property) yield [key, property.value];
    // `stack` is one.
    else if (value instanceof Error && key === 'stack') yield [key, value.stack];
  }
}

/** Its bytes are in a private field, which nothing prints. */
function isSecretValue(value: object): boolean {
  return 'reveal' in value && typeof value.reveal === 'function';
}
