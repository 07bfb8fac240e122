/** Every object has a `constructor`, which is no key of it. */
export function ownText(texts: Readonly<Record<string, string | undefined>>, key: string): string | undefined {
  return Object.hasOwn(texts, key) ? texts[key] : undefined;
}
