import { setTimeout as delay } from 'node:timers/promises';
import type { FakeClock } from '@hikyaku/core/testing';

/**
 * How the promise ends: its value or its error. Until then the clock goes on in steps of `stepMs`, with some real time in
 * between for the requests in flight.
 */
export async function settled<T>(promise: Promise<T>, clock: FakeClock, stepMs = 250): Promise<unknown> {
  const outcome = promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ value: error }),
  );
  for (;;) {
    const settledNow = await Promise.race([outcome, delay(5)]);
    if (settledNow !== undefined) return settledNow.value;
    await clock.advance(stepMs);
  }
}
