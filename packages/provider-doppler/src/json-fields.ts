/** `undefined` when it is not JSON. The error of JSON.parse is dropped: it quotes what it read, and that may be a value. */
export function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    return undefined;
  }
}

/** An own field of an object; `undefined` for what is none. */
export function field(from: unknown, name: string): unknown {
  return typeof from === 'object' && from !== null && Object.hasOwn(from, name)
    ? new Map<string, unknown>(Object.entries(from)).get(name)
    : undefined;
}
