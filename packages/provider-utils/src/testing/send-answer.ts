import type { ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { halve } from './fake-answer.ts';
import type { FakeAnswer } from './fake-answer.ts';

/** What a client sees of the answer: 0 when it cannot tell that it has all of it. */
export function statusSeen({ status, delivery }: FakeAnswer): number {
  return delivery === 'hang' || delivery === 'reset' || delivery === 'truncate' ? 0 : status;
}

export async function sendAnswer(response: ServerResponse, answer: FakeAnswer): Promise<void> {
  const { status, headers, delivery } = answer;
  const body = Buffer.from(answer.body ?? '');
  if (delivery === 'hang') return;
  if (delivery === 'reset') {
    response.socket?.resetAndDestroy();
    return;
  }
  if (delivery === 'early-end') {
    response.useChunkedEncodingByDefault = false;
    response.writeHead(status, { ...headers, connection: 'close' });
    response.end(halve(answer).body);
    return;
  }
  const mayHaveBody = status !== 204 && status !== 304;
  response.writeHead(status, { ...headers, ...(mayHaveBody && { 'content-length': body.length }) });
  if (delivery === 'truncate') {
    response.write(halve(answer).body, () => response.socket?.destroy());
    return;
  }
  if (delivery === undefined) {
    response.end(body);
    return;
  }
  const pieceLength = Math.ceil(body.length / 10);
  for (let start = 0; start < body.length && !response.destroyed; start += pieceLength) {
    response.write(body.subarray(start, start + pieceLength));
    await delay(delivery.delayMs, undefined, { ref: false });
  }
  response.end();
}
