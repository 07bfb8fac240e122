/** Also what turns the direction of writing around. */
const CONTROL = /[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu;

/** A name as a source gives it, for a terminal: with nothing that could move its cursor or make up a line. */
export function printable(text: string): string {
  return text.replaceAll(CONTROL, escaped);
}

/** The same of a value, whose lines and tabs stay. */
export function printableLines(text: string): string {
  return text.replaceAll(CONTROL, (character) => (/[\n\t]/.test(character) ? character : escaped(character)));
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
