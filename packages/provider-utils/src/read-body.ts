import { ProviderError } from '@hikyaku/core';

/**
 * All bytes of a body. More than `maxBytes` is `INVALID_RESPONSE`, and the rest is not fetched. `from` is what the message names.
 * For a deadline, give the signal of {@link withDeadline} to the request that the body belongs to.
 */
export async function readBody(
  body: AsyncIterable<Uint8Array>,
  { maxBytes, from }: { readonly maxBytes: number; readonly from: string },
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.byteLength;
    if (size > maxBytes) {
      throw new ProviderError(
        'INVALID_RESPONSE',
        `${from} answered with more than ${maxBytes} bytes, which is more than anything it should say`,
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
