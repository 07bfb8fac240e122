import { setTimeout as sleep } from 'node:timers/promises';

/** Up to a quarter longer, so that many who wait do not come back together. Rejects with the signal's reason. */
export async function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(delayMs * (1 + Math.random() / 4), undefined, { signal });
  } catch {
    throw signal.reason;
  }
}
