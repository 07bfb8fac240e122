import { setTimeout as sleep } from 'node:timers/promises';

export interface WaitOptions {
  readonly limitMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Asks again and again until the answer is true; false when the time is over. A failed question counts as «not yet». */
export async function waitUntil(isTrue: () => Promise<boolean>, { limitMs, signal }: WaitOptions): Promise<boolean> {
  const endsAt = performance.now() + limitMs;
  while (performance.now() < endsAt) {
    signal?.throwIfAborted();
    if (await isTrue().catch(() => false)) return true;
    await sleep(50, undefined, signal === undefined ? {} : { signal });
  }
  return false;
}
