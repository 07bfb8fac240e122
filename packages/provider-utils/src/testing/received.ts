import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

export async function receiveBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

/** For a record that tests may print: with a placeholder in the place of the credential in `authorization`. */
export function hideCredential(headers: IncomingHttpHeaders, placeholder: string): Record<string, string> {
  const shown = Object.entries(headers).map(([name, value]) => [
    name,
    name === 'authorization' ? `${String(value).split(' ')[0]} ${placeholder}` : [value ?? []].flat().join(', '),
  ]);
  return Object.fromEntries(shown);
}
