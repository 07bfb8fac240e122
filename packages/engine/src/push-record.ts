import type { ProviderError, WriteResult } from '@hikyaku/core';
import type { OriginProblem } from './push-origin.ts';
import type { PushPlan, PushStep } from './push-plan.ts';
import type { PushRecord, PushState } from './report.ts';

/** What is said of a push after a round; `results` are of the source, by name. */
export function recordOf(plan: PushPlan, results: ReadonlyMap<string, WriteResult>): PushRecord {
  const { id, from, to, problem } = plan;
  if (problem !== undefined) return { id, from, to, state: STATES[problem.code], messages: [problem.message] };
  const errors = plan.steps.flatMap(({ name }) => errorOf(name, results));
  const done = plan.steps.filter(({ name }) => errorOf(name, results).length === 0);
  const namesOf = (kind: PushStep['kind']) => done.filter((step) => step.kind === kind).map(({ name }) => name);
  const changes = { added: namesOf('create'), changed: namesOf('update'), removed: namesOf('remove') };
  const changed = changes.added.length + changes.changed.length + changes.removed.length;
  return {
    id,
    from,
    to,
    state: stateOf(plan, errors.length > 0, changes.removed.length > 0),
    keys: changes.added.length + changes.changed.length + namesOf('equal').length,
    ...(changed > 0 && { changes }),
    // One word for the many that are held together.
    messages: [
      ...new Set([...errors.map(({ message }) => message), ...plan.steps.flatMap((step) => wordsOf(step, to))]),
    ],
  };
}

function stateOf({ gone, steps }: PushPlan, failed: boolean, removed: boolean): PushState {
  const has = (...kinds: readonly PushStep['kind'][]) => steps.some(({ kind }) => kinds.includes(kind));
  if (failed) return 'failed';
  if (has('conflict', 'hold')) return 'held';
  if (has('problem')) return 'kept';
  if (!gone) return 'pushed';
  return removed ? 'removed' : 'left';
}

function wordsOf(step: PushStep, to: string): readonly string[] {
  if (step.kind === 'conflict' || step.kind === 'hold' || step.kind === 'problem') return [step.message];
  if (step.kind !== 'forget' || step.why !== 'changed') return [];
  return [`${step.name} at ${to} is not as it was pushed any more: left alone, and not ours from now on`];
}

function errorOf(name: string, results: ReadonlyMap<string, WriteResult>): readonly ProviderError[] {
  const error = results.get(name)?.error;
  return error === undefined ? [] : [error];
}

/** Why a round has to come again. */
export interface Trouble {
  /** Nothing but a person will change it. */
  readonly slow: boolean;
  readonly retryAfterMs: number;
}

export function troublesOf(plans: readonly PushPlan[], results: ReadonlyMap<string, WriteResult>): readonly Trouble[] {
  return plans.flatMap(({ problem, steps }) => {
    const errors = steps.flatMap((step) => [
      ...errorOf(step.name, results),
      ...(step.kind === 'problem' && step.error !== undefined ? [step.error] : []),
    ]);
    const others = steps.filter((step) => STUCK.has(step.kind) && !('error' in step && step.error !== undefined));
    return [
      ...(problem === undefined ? [] : [{ slow: !SOON.has(problem.code), retryAfterMs: problem.retryAfterMs ?? 0 }]),
      ...errors.map(({ retryable, retryAfterMs = 0 }) => ({ slow: !retryable, retryAfterMs })),
      ...others.map(() => ({ slow: true, retryAfterMs: 0 })),
    ];
  });
}

const STATES: Readonly<Record<OriginProblem['code'], PushState>> = {
  ABSENT: 'waiting',
  EMPTY: 'waiting',
  FORBIDDEN: 'refused',
  REFUSED: 'refused',
  NOT_GRANTED: 'refused',
  UNAVAILABLE: 'failed',
};

const STUCK: ReadonlySet<PushStep['kind']> = new Set(['conflict', 'hold', 'problem']);
/** An API server that has just started forbids everything until it has loaded its rules. */
const SOON: ReadonlySet<OriginProblem['code']> = new Set(['UNAVAILABLE', 'FORBIDDEN']);
