/** Shorter matches are taken for chance. */
const SHORTEST = 10;
const LONG_END = 2_000;

/** Where something secret was found. */
export interface Leak {
  readonly secret: string;
  /** `raw`, `base64`, … */
  readonly form: string;
  readonly where: string;
  readonly around: string;
}

/**
 * Looks for secrets in texts, also for parts of ten characters of them, in every form in which software writes bytes: raw, base64 (at any
 * offset), base64url, URL-encoded, JSON-escaped (once and twice), hexadecimal, as a list of numbers, backwards. Each part of a
 * secret must be random, or innocent text is found too.
 */
export class LeakSearch {
  readonly #parts = new Map<string, { readonly secret: string; readonly form: string }>();

  add(name: string, secret: string): void {
    for (const [form, text] of formsOf(secret)) {
      for (let at = 0; at + SHORTEST <= text.length; at += stepAt(at, text.length)) {
        this.#parts.set(text.slice(at, at + SHORTEST), { secret: name, form });
      }
    }
  }

  /** The first leak of each secret and form in the text. */
  find(text: string, where: string): readonly Leak[] {
    const leaks = new Map<string, Leak>();
    for (let at = 0; at + SHORTEST <= text.length; at++) {
      const found = this.#parts.get(text.slice(at, at + SHORTEST));
      if (found === undefined || leaks.has(`${found.secret} ${found.form}`)) continue;
      leaks.set(`${found.secret} ${found.form}`, {
        ...found,
        where,
        around: text.slice(Math.max(0, at - 80), at + 80),
      });
    }
    return [...leaks.values()];
  }
}

/** Every part is looked for; of a very long text, those of its ends and some in between. */
function stepAt(at: number, length: number): number {
  return length < 2 * LONG_END || at < LONG_END || at >= length - LONG_END ? 1 : Math.min(97, length - LONG_END - at);
}

function formsOf(secret: string): readonly (readonly [form: string, text: string])[] {
  const bytes = Buffer.from(secret);
  const json = JSON.stringify(secret).slice(1, -1);
  const shifted = [0, 1, 2].map((by) => Buffer.concat([Buffer.alloc(by), bytes]));
  return [
    ['raw', secret],
    ...shifted.flatMap((shiftedBytes, by) => {
      // The first and last characters also hold bits of what stands beside.
      const from = by === 0 ? 0 : by + 1;
      const base64 = shiftedBytes.toString('base64').replace(/.?=*$/, '').slice(from);
      return [
        ['base64', base64],
        ['base64url', base64.replaceAll('+', '-').replaceAll('/', '_')],
      ] as const;
    }),
    ['URL-encoded', encodeURIComponent(secret)],
    ['form-encoded', new URLSearchParams({ '': secret }).toString().slice(1)],
    ['JSON', json],
    ['JSON in JSON', JSON.stringify(json).slice(1, -1)],
    ['hex', bytes.toString('hex')],
    ['HEX', bytes.toString('hex').toUpperCase()],
    ['hex with spaces', bytes.toString('hex').replaceAll(/../g, '$& ')],
    ['numbers', bytes.join(',')],
    ['numbers with spaces', bytes.join(', ')],
    ['backwards', Array.from(secret).toReversed().join('')],
  ];
}
