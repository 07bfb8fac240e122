import type { Action, Changes, InventoryEntry, SecretId, TargetErrorCode } from '@hikyaku/engine';
import type { PlannedRestart } from '../planned-restarts.ts';
import { plannedRestartLines } from './restarts-text.ts';
import type { Style } from './style.ts';

/** A plan as a person reads it: each Secret that would change, key by key, and why; no values. */
export function planText(
  actions: readonly Action[],
  style: Style,
  restarts: ReadonlyMap<SecretId, PlannedRestart> = NO_RESTARTS,
): string {
  const lines = actions.flatMap((action) => [
    ...actionLines(action, style),
    ...plannedRestartLines(restarts.get(action.id), style),
  ]);
  const summary = planSummary(actions);
  if (lines.length === 0) return `${style.good('No changes.')} ${summary}\n`;
  return `${lines.join('\n')}\n\n${style.strong('Plan:')} ${summary}\n`;
}

const NO_RESTARTS: ReadonlyMap<SecretId, PlannedRestart> = new Map();

function actionLines(action: Action, style: Style): readonly string[] {
  const { id } = action;
  switch (action.kind) {
    case 'create':
      return [style.good(`  + ${id}`) + style.faint('  create'), ...keyLines(action.changes, style)];
    case 'update': {
      const why = [
        action.desired.existing === 'merge' && 'merged into it, other keys stay',
        action.adopts ? 'taken over: it carries our label' : action.drifted && 'it is not as it was last written',
        action.changes.shape && 'type, labels, annotations or immutability',
        action.desired.recreate && 'deleted and created again if it cannot change in place',
      ].filter((text) => typeof text === 'string');
      const note = why.length > 0 ? `  update: ${why.join('; ')}` : '  update';
      return [style.change(`  ~ ${id}`) + style.faint(note), ...keyLines(action.changes, style)];
    }
    case 'delete':
      if (action.entry.existing === 'merge') {
        const note = '  take keys out, the Secret stays: its entry is gone from the config';
        const removed = [...action.entry.keys.keys()];
        return [style.bad(`  - ${id}`) + style.faint(note), ...keyLines({ added: [], changed: [], removed }, style)];
      }
      return [style.bad(`  - ${id}`) + style.faint('  delete: its entry is gone from the config')];
    case 'forget':
      return [`  . ${id}${style.faint(`  its entry is gone from the config; ${forgottenText(action.entry)}`)}`];
    case 'keep':
      if (action.problems === undefined) return [];
      return [
        style.bad(`  ! ${id}`) + style.faint('  not written'),
        ...action.problems.map(({ message }) => `      ${message}`),
      ];
    case 'refuse': {
      const word = WAITING.has(action.error.code) ? 'waiting' : 'refused';
      return [style.bad(`  ! ${id}`) + style.faint(`  ${word}`), `      ${action.error.message}`];
    }
    case 'hold':
      return [
        style.bad(`  ! ${id}`) + style.faint('  held'),
        `      ${action.reason.message}`,
        ...keyLines(action.changes, style),
        '      hikyaku sync --approve lets it through',
      ];
  }
}

/** Somebody else has to make something first. */
const WAITING: ReadonlySet<TargetErrorCode> = new Set(['NAMESPACE_MISSING', 'ABSENT']);

function forgottenText({ existing, whenRemoved }: InventoryEntry): string {
  if (whenRemoved !== 'keep') return 'so is the Secret';
  return existing === 'merge' ? 'the keys stay' : 'the Secret stays';
}

function keyLines({ added, changed, removed }: Omit<Changes, 'shape'>, style: Style): readonly string[] {
  return [
    ...added.map((key) => style.good(`      + ${key}`)),
    ...changed.map((key) => style.change(`      ~ ${key}`)),
    ...removed.map((key) => style.bad(`      - ${key}`)),
  ];
}

/** How many of each kind. */
export function planSummary(actions: readonly Action[]): string {
  const count = (wanted: (action: Action) => boolean) => actions.filter(wanted).length;
  const parts: readonly (readonly [number, string])[] = [
    [count(({ kind }) => kind === 'create'), 'to create'],
    [count(({ kind }) => kind === 'update'), 'to update'],
    [count(({ kind }) => kind === 'delete'), 'to delete'],
    [count(({ kind }) => kind === 'forget'), 'to leave'],
    [count((action) => action.kind === 'refuse' && WAITING.has(action.error.code)), 'waiting'],
    [count((action) => action.kind === 'refuse' && !WAITING.has(action.error.code)), 'refused'],
    [count(({ kind }) => kind === 'hold'), 'held'],
    [count((action) => action.kind === 'keep' && action.problems !== undefined), 'kept with a problem'],
    [count((action) => action.kind === 'keep' && action.problems === undefined), 'unchanged'],
  ];
  const said = parts.filter(([number]) => number > 0).map(([number, word]) => `${number} ${word}`);
  return said.length > 0 ? `${said.join(', ')}.` : 'The config wants no Secrets.';
}

/** Whether a `sync` would write anything. */
export function hasChanges(actions: readonly Action[]): boolean {
  return actions.some(({ kind }) => kind === 'create' || kind === 'update' || kind === 'delete');
}

/** Whether something needs a person. */
export function hasProblems(actions: readonly Action[]): boolean {
  return actions.some(
    (action) =>
      action.kind === 'refuse' || action.kind === 'hold' || (action.kind === 'keep' && action.problems !== undefined),
  );
}

/** The same for scripts. */
export function planJson(
  actions: readonly Action[],
  restarts: ReadonlyMap<SecretId, PlannedRestart> = NO_RESTARTS,
): readonly object[] {
  return actions.map((action) => {
    const { id: secret, kind } = action;
    const restart = restarts.get(secret);
    switch (action.kind) {
      case 'create':
        return { secret, action: kind, changes: action.changes };
      case 'update':
        return {
          secret,
          action: kind,
          changes: action.changes,
          drifted: action.drifted,
          adopts: action.adopts,
          ...(restart && { restarts: restart }),
        };
      case 'delete':
      case 'forget':
        return { secret, action: kind, ...(action.entry.existing === 'merge' && { merged: true }) };
      case 'keep':
        return { secret, action: kind, ...(action.problems && { problems: action.problems }) };
      case 'refuse':
        return { secret, action: kind, problems: [{ code: action.error.code, message: action.error.message }] };
      case 'hold':
        return { secret, action: kind, changes: action.changes, hold: action.reason };
    }
  });
}
