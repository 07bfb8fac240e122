import * as z from 'zod';
import { duration } from './duration.ts';
import { didYouMean } from './nearest.ts';

const LONGEST = 200;

/** Only where a config has an expression: with what it loads it takes 6 MiB of a daemon's memory. */
let nodeCron: typeof import('node-cron') | undefined;

/** Before {@link schedule} reads an expression. */
export async function loadCron(): Promise<void> {
  nodeCron ??= await import('node-cron');
}

const FIELDS: Readonly<Record<string, string>> = {
  second: 'second',
  minute: 'minute',
  hour: 'hour',
  dayOfMonth: 'day of the month',
  month: 'month',
  dayOfWeek: 'day of the week',
};

const cron = z
  .string()
  .superRefine((text, context) => {
    const problem = cronProblem(text);
    if (problem !== undefined) context.addIssue({ code: 'custom', message: `must be a cron expression ${problem}` });
  })
  .describe('`*/5 * * * *`: minute, hour, day of the month, month, day of the week; six fields begin with the second');

const timeZone = z
  .string()
  .superRefine((text, context) => {
    if (isTimeZone(text)) return;
    const near = didYouMean(text, Intl.supportedValuesOf('timeZone'));
    context.addIssue({
      code: 'custom',
      message: `must be a time zone such as \`Asia/Tokyo\`${near ? `; ${near}` : ''}`,
    });
  })
  .describe('Time zone of `cron`, a name of the IANA database; `UTC` by default')
  .default('UTC');

/** A duration, in milliseconds then, or the times of a cron expression. */
export const schedule = z
  .union([
    duration('Time between two reads: `30s`, `5m`, `1h`').transform((everyMs) => ({ everyMs })),
    z.strictObject({ cron, timeZone }),
  ])
  .describe('How often the source is read: `30s`, `5m`, `1h`, or `{ cron: "*/5 * * * *" }`; `1m` by default');

/** What is wrong with it, never what it says. */
function cronProblem(text: string): string | undefined {
  const fields = text.trim().split(/\s+/).length;
  const shape = 'of five fields such as `*/5 * * * *`, or of six with the second first';
  // A range of large numbers would be written out before it is checked.
  if (text.length > LONGEST || /[0-9]{3}/.test(text)) return shape;
  if (nodeCron === undefined) throw new TypeError('node-cron is loaded before an expression is read');
  const { valid, errors } = nodeCron.validateDetailed(text);
  if (valid) return undefined;
  if (fields !== 5 && fields !== 6) return shape;
  const wrong = [...new Set(errors.map(({ field }) => FIELDS[field]))].filter((name) => name !== undefined);
  return wrong.length === 0 ? shape : `${shape}: its ${wrong.join(' and ')} cannot be`;
}

function isTimeZone(text: string): boolean {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: text }).format();
    return true;
  } catch {
    return false;
  }
}
