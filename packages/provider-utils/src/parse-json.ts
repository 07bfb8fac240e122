/** What a body in JSON says; `undefined` when it is not JSON. The error of JSON.parse is dropped: it quotes what it read, and that may be a value. */
export function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    return undefined;
  }
}
