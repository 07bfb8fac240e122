import type { Clock, Logger } from '@hikyaku/core';
import type { Approval, Engine, HeldPlan, HoldScope } from '@hikyaku/engine';
import { isWell } from '@hikyaku/engine';
import type { AskedRequest } from '@hikyaku/kubernetes';
import type { Answer, AnswerOptions } from '../daemon/follow-requests.ts';
import type { Records } from '../records.ts';
import { unlessLate } from './unless-late.ts';

export interface AnswerApprovalOptions {
  readonly engine: Pick<Engine, 'approve'>;
  readonly holds: () => readonly HeldPlan[];
  readonly records: Pick<Records, 'secrets' | 'pushes'>;
  /** Everything was read and reconciled once. */
  readonly isReady: () => boolean;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** How long a person's word counts. */
export const APPROVAL_MS = 600_000;
/** The clocks of people differ a little. */
const SKEW_MS = 60_000;
const READY_MS = 20_000;
const MOST_WRONG = 40;

/**
 * Lets go what a person has approved. The approval is used up, in the cluster, before anything goes: after a crash in between, what was held is held
 * again, and nothing is ever let go twice by one word.
 */
export async function answerApproval(
  { id, value }: AskedRequest,
  { engine, holds, records, isReady, logger, clock }: AnswerApprovalOptions,
  { signal, claim }: AnswerOptions,
): Promise<Answer | undefined> {
  const given = asApproval(value);
  if (given === undefined) return { state: 'refused', message: 'the approval makes no sense to this agent' };
  const { scope, digest, by } = given;
  const leftMs = given.expires - clock.now();
  if (leftMs <= 0) return { state: 'refused', message: `the approval is too old${CLOCKS}` };
  if (leftMs > APPROVAL_MS + SKEW_MS)
    return { state: 'refused', message: `the approval would count too long${CLOCKS}` };

  const heldNow = () => holds().find((plan) => plan.scope === scope);
  for (let waited = 0; heldNow() === undefined && !isReady() && waited < READY_MS; waited += 200)
    await clock.sleep(200, { signal });
  const plan = heldNow();
  if (plan === undefined) return { state: 'over', message: 'nothing is held there any more' };
  if (plan.digest !== digest) return changedSince();

  if (!(await claim())) return undefined;
  // What is pushed goes to a service that may never answer.
  const outcome = await unlessLate((options) => engine.approve({ scope, digest }, options), { clock, signal });
  logger.warn({ scope, digest, by, approval: id, outcome }, 'approval used');
  if (outcome === 'given') {
    const wrong = plan.changes.flatMap((change) => {
      const record = records.secrets.get(change.id) ?? records.pushes.get(change.id);
      if (record === undefined || isWell(record.state)) return [];
      return [{ id: change.id, state: record.state, messages: record.messages.slice(0, 3) }];
    });
    return { state: 'given', wrong: wrong.slice(0, MOST_WRONG) };
  }
  if (outcome === 'over') return { state: 'over', message: 'nothing is held there any more' };
  if (outcome === 'changed') return changedSince();
  if (outcome === 'late') return { state: 'failed', message: LATE };
  return { state: 'failed', message: 'what is held could not be looked at: nothing has gone; approve again' };
}

/**
 * Each approval is judged by what the one before has left. Pushes to different services have nothing to do with each other, and one that does not
 * answer keeps nobody else waiting.
 */
export function approvalQueue({ value }: AskedRequest): string {
  const scope = asApproval(value)?.scope;
  return scope?.startsWith('push:') === true ? scope : 'secrets';
}

const CLOCKS = ', or the clocks of the agent and of whoever gave it differ';

const LATE = 'what came of it is not known after 10 minutes: it may still go. The status shows what is held';

function changedSince(): Answer {
  return { state: 'changed', message: 'something else is held by now: nothing has gone; look again' };
}

interface Given extends Approval {
  readonly expires: number;
  readonly by?: string;
}

function asApproval(value: unknown): Given | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { scope, digest, expires, by } = value as Readonly<Record<string, unknown>>;
  if (typeof scope !== 'string' || !isScope(scope) || typeof digest !== 'string') return undefined;
  const until = typeof expires === 'string' ? Date.parse(expires) : Number.NaN;
  if (!/^[0-9a-f]{32}$/.test(digest) || Number.isNaN(until)) return undefined;
  const name = typeof by === 'string' && /^[\w.:@/-]{1,120}$/.test(by) ? { by } : {};
  return { scope, digest, expires: until, ...name };
}

/** Of a source's name: a DNS label. */
export function isScope(text: string): text is HoldScope {
  return /^(?:config|(?:source|push):[a-z0-9-]{1,40})$/.test(text);
}
