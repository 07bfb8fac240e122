import * as z from 'zod';
import type { Threshold } from './config.ts';

/** What is used where the file says nothing. */
export const DEFAULT_THRESHOLD: Threshold = { percent: 50 };

const error = 'must be a percentage such as `50%` or a whole number such as `10`';

/** `50%` or a whole number. */
export const threshold = z
  .union(
    [z.string().regex(/^(100|[1-9]?[0-9])%$/, { error }), z.int({ error }).min(0, { error }).max(1_000_000, { error })],
    {
      error,
    },
  )
  .transform((value): Threshold =>
    typeof value === 'number' ? { count: value } : { percent: Number.parseInt(value, 10) },
  )
  .describe('A percentage (`50%`) or a number: more than this at once is held until a person approves it');
