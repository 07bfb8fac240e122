import type { Clock, SecretsClient } from '@hikyaku/core';

/** For a client that was told to end, before it is left behind. */
export const LAST_WORDS_MS = 1_000;

/** One that does not end, or fails to, is left behind: what needed it has ended, and everything else goes on. Never rejects. */
export async function closeClient(client: SecretsClient | undefined, clock: Clock): Promise<void> {
  if (client?.[Symbol.asyncDispose] === undefined) return;
  const closing = (async () => client[Symbol.asyncDispose]?.())().catch(() => {});
  const closed = new AbortController();
  const late = clock.sleep(LAST_WORDS_MS, { signal: closed.signal }).catch(() => {});
  await Promise.race([closing, late]);
  closed.abort();
}
