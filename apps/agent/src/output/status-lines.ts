/** Words in lines of at most `width` characters, each after `indent`; a word that is longer stays whole, so that it can be copied. */
export function wrapped(text: string, indent: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const next = line === '' ? word : `${line} ${word}`;
    if (line !== '' && indent.length + next.length > width) {
      lines.push(indent + line);
      line = word;
    } else line = next;
  }
  return [...lines, indent + line];
}

/** At most `width` characters; the beginning of what is longer. */
export function clipped(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(1, width - 1))}…`;
}
