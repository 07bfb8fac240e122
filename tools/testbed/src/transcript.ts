/** A command of a page, and what it says. */
export interface ShownCommand {
  readonly command: string;
  readonly output: string;
}

/** What a block of a page shows: commands behind `$ `, each with its output below. */
export function transcriptIn(block: string): readonly ShownCommand[] {
  return block
    .split(/^\$ /m)
    .slice(1)
    .map((part) => {
      const [command = '', ...lines] = part.split('\n');
      return { command, output: lines.join('\n') };
    });
}
