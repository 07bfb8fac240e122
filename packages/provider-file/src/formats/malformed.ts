/** A file that cannot be read as its format. Says where and what is wrong, and never quotes the text: it may be a secret. */
export class Malformed extends Error {
  override readonly name = 'Malformed';

  /** `undefined` where it is about the file as a whole. */
  readonly line: number | undefined;

  constructor(line: number | undefined, reason: string) {
    super(reason);
    this.line = line;
  }
}

/** Tells the line of an offset, counted from 1. */
export function lineCounter(text: string): (offset: number) => number {
  const starts = [0, ...Array.from(text.matchAll(/\n/g), ({ index }) => index + 1)];
  return (offset) => {
    let [low, high] = [0, starts.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  };
}
