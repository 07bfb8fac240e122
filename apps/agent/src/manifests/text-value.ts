/** What YAML 1.1, which Kubernetes' tools read, takes as it is inside a block: no other line breaks than \n, nothing that cannot be printed. */
const PRINTABLE = /^[\t\n\u0020-\u007E\u00A0-\u2027\u202A-\uD7FF\uE000-\uFEFE\uFF00-\uFFFD\u{10000}-\u{10FFFF}]*$/u;
const NOT_PRINTABLE = /[\u007F-\u009F\u2028\u2029\uFEFF\uFFFE\uFFFF]/g;

/** A text as the value of a key that is indented by two spaces: every reader of YAML gives back the same characters. */
export function textValue(text: string): string {
  // Where a block begins or ends with spaces alone, readers differ.
  if (!PRINTABLE.test(text) || /^\s*$|^[ \t]*\n|\n[ \t]+\n*$/.test(text)) return quoted(text);
  // Else the first line would say how far all are indented.
  const indentation = /^[ \t]/.test(text) ? '2' : '';
  const end = text.endsWith('\n') ? (text.endsWith('\n\n') ? '+' : '') : '-';
  const lines = text.replace(/\n$/, '').replaceAll(/^(?=.)/gm, '    ');
  return `|${indentation}${end}\n${lines}`;
}

/** A name as a value, also between brackets: plain where every reader of YAML takes it for text, as it is legible so. */
export function wordValue(text: string): string {
  const isWord = /^(?:[a-z/][\w./:@-]*|\d[\w.:-]*\/[\w./:@-]*)$/i.test(text) && !text.endsWith(':');
  return isWord && !/^(?:null|true|false|yes|no|on|off|y|n)$/i.test(text) ? text : quoted(text);
}

function quoted(text: string): string {
  return JSON.stringify(text).replaceAll(
    NOT_PRINTABLE,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
