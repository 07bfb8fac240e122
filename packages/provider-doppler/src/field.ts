/** An own field of an object; `undefined` for what is none. */
export function field(from: unknown, name: string): unknown {
  return typeof from === 'object' && from !== null && Object.hasOwn(from, name)
    ? new Map<string, unknown>(Object.entries(from)).get(name)
    : undefined;
}
