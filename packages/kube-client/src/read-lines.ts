import { TooManyBytes } from './exchange.ts';

const newline = 0x0a;

/** Lines of a body that may be cut anywhere, also inside a character. Throws when it ends inside a line, and TooManyBytes. */
export async function* readLines(
  body: AsyncIterable<Buffer>,
  { maxBytes }: { readonly maxBytes: number },
): AsyncGenerator<string, void, undefined> {
  let parts: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    let start = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      parts.push(chunk.subarray(start, end));
      const line = Buffer.concat(parts).toString('utf8');
      parts = [];
      bytes = 0;
      start = end + 1;
      if (line.trim() !== '') yield line;
    }
    if (start < chunk.length) parts.push(chunk.subarray(start));
    bytes += chunk.length - start;
    if (bytes > maxBytes) throw new TooManyBytes();
  }
  if (parts.length > 0) throw Object.assign(new Error('cut off'), { code: 'CUT_OFF' });
}

/** All of a body. Throws TooManyBytes. */
export async function readText(
  body: AsyncIterable<Buffer>,
  { maxBytes }: { readonly maxBytes: number },
): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new TooManyBytes();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
