const LONGEST = 300;

/** A path or a name as a message may show it: on one line, without what moves a terminal's cursor, and not without end. */
export function printable(text: string): string {
  const plain = text.replaceAll(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
  return plain.length > LONGEST ? `${plain.slice(0, LONGEST)}…` : plain;
}
