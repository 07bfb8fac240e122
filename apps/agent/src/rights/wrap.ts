/** Lines of at most `width` characters, where words allow; the first begins with `first`, the others with as many spaces. */
export function wrap(text: string, first: string, width: number): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && first.length + line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].map((each, index) => `${index === 0 ? first : ' '.repeat(first.length)}${each}\n`).join('');
}
