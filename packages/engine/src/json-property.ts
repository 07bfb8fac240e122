// Of the standard since ES2026, not yet of TypeScript's library.
declare global {
  interface JSON {
    rawJSON(text: string): object;
    isRawJSON(value: unknown): boolean;
    parse(
      text: string,
      reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
    ): unknown;
  }
}

/** What a dotted path finds in a JSON text; `problem` never quotes the text. */
export type PropertyResult = { readonly value: string } | { readonly absent: true } | { readonly problem: string };

/**
 * Picks a value out of a JSON text by a dotted path (`connection.hosts.0`). Strings come as they are, numbers as they were
 * written (1.50 stays 1.50), booleans as `true` and `false`, objects and arrays as JSON text; null is a problem.
 */
export function jsonProperty(text: string, path: string): PropertyResult {
  let value: unknown;
  try {
    value = JSON.parse(text, keepNumbers);
  } catch {
    return { problem: 'is not JSON' };
  }
  for (const step of path.split('.')) {
    if (!hasStep(value, step)) return { absent: true };
    value = Reflect.get(value, step);
  }
  if (value === null) return { problem: `has null at ${path}` };
  return { value: typeof value === 'string' ? value : JSON.stringify(value) };
}

function hasStep(value: unknown, step: string): value is object {
  if (typeof value !== 'object' || value === null || JSON.isRawJSON(value)) return false;
  return Array.isArray(value) ? /^\d+$/.test(step) && Object.hasOwn(value, step) : Object.hasOwn(value, step);
}

function keepNumbers(_key: string, value: unknown, { source }: { readonly source?: string }): unknown {
  return typeof value === 'number' && source !== undefined ? JSON.rawJSON(source) : value;
}
