/** What a fake server answers. */
export interface FakeAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** How it reaches the client: whole and at once by default. */
  readonly delivery?: FakeDelivery;
}

/**
 * | delivery | what happens |
 * | --- | --- |
 * | `hang` | nothing comes |
 * | `reset` | the connection is reset |
 * | `truncate` | half of the body, then the connection is cut |
 * | `early-end` | half of the body, without a length, as if that were all |
 * | `{ delayMs }` | the body in ten pieces, that far apart |
 */
export type FakeDelivery = 'hang' | 'reset' | 'truncate' | 'early-end' | { readonly delayMs: number };

export function json(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): FakeAnswer {
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) };
}

/** HTML, as of a proxy or a login. */
export function page(status: number, text: string): FakeAnswer {
  return { status, headers: { 'content-type': 'text/html' }, body: `<html><body><h1>${text}</h1></body></html>` };
}

export function redirect(location: string): FakeAnswer {
  return { status: 302, headers: { location } };
}

/** As if half of the body were all. */
export function halve(answer: FakeAnswer): FakeAnswer {
  const body = Buffer.from(answer.body ?? '');
  return { ...answer, body: body.subarray(0, Math.floor(body.length / 2)) };
}

/** An answer in JSON, every field as `revive` makes it; see `JSON.parse`. */
export function changeJson(answer: FakeAnswer, revive: (name: string, value: unknown) => unknown): FakeAnswer {
  if (answer.body === undefined) return answer;
  return { ...answer, body: JSON.stringify(JSON.parse(Buffer.from(answer.body).toString(), revive)) };
}
