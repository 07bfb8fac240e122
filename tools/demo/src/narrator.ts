import { styleText } from 'node:util';

/** Tells the story: numbered steps, the command a user would type, and what it answers. */
export class Narrator {
  #step = 0;

  step(title: string): void {
    this.#step += 1;
    this.#write(`\n${format('bold', `${this.#step}. ${title}`)}\n`);
  }

  say(text: string): void {
    this.#write(`${text}\n`);
  }

  command(line: string): void {
    this.#write(`${format('cyan', `  $ ${line}`)}\n`);
  }

  output(text: string): void {
    const lines = text.trimEnd().split('\n');
    this.#write(lines.map((line) => `    ${line}`.trimEnd()).join('\n') + '\n');
  }

  good(text: string): void {
    this.#write(`${format('green', `  ✓ ${text}`)}\n`);
  }

  #write(text: string): void {
    process.stdout.write(text);
  }
}

function format(style: 'bold' | 'cyan' | 'green', text: string): string {
  return styleText(style, text, { stream: process.stdout });
}
