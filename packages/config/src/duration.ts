import * as z from 'zod';

const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const PATTERN = /^([1-9][0-9]{0,8})([smhd])$/;

// Longer ones, with their jitter, come near the longest timer of Node (2^31 - 1 ms, 24.8 days).
const LONGEST = '20d';

/** Text such as `30s`, `5m`, `1h` or `2d`, turned into milliseconds. */
export function duration(description: string): z.ZodType<number, string> {
  const longestMs = toMs(LONGEST);
  return z
    .string({ error: 'must be a duration such as `30s`, `5m`, `1h` or `2d`' })
    .regex(PATTERN, { error: 'must be a duration such as `30s`, `5m`, `1h` or `2d`', abort: true })
    .transform(toMs)
    .refine((ms) => ms <= longestMs, { error: `must be at most \`${LONGEST}\`` })
    .describe(description);
}

function toMs(text: string): number {
  const [, amount, unit = ''] = PATTERN.exec(text) ?? [];
  return Number(amount) * (UNITS[unit] ?? Number.NaN);
}
