/** Only characters that names and field paths need, so that nothing else of an answer gets into an error. */
export function plainText(value: unknown, maximumLength = 100): string | undefined {
  if (typeof value !== 'string') return undefined;
  const text = value.replaceAll(/[^A-Za-z0-9._[\]-]/g, '').slice(0, maximumLength);
  return text === '' ? undefined : text;
}

export function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return isRecord(value) ? value : {};
}

export function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
