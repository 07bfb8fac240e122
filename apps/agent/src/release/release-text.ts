import { count } from '../output/count.ts';
import { printable } from '../output/printable.ts';
import type { Style } from '../output/style.ts';
import type { Released } from './release-secret.ts';
import type { StillKnown } from './still-known.ts';

export interface ReleaseTextOptions {
  readonly cluster: string;
  /** The agent's id. */
  readonly agent: string;
  readonly dryRun: boolean;
  readonly style: Style;
}

/** One line per Secret, how many, and what is to be known of what comes next. */
export function releaseText(
  released: readonly Released[],
  known: StillKnown,
  { cluster, agent, dryRun, style }: ReleaseTextOptions,
): string {
  const longest = Math.max(...released.map(({ secret }) => secret.length));
  const lines = released.map(({ secret, outcome, was, dropped, message }) => {
    const [sign, word] = {
      released: [style.good('✓'), dryRun ? 'would be released' : 'released'] as const,
      'not ours': [style.faint('·'), `carries no label of the agent ${agent}: left as it is`] as const,
      missing: [style.bad('✗'), 'does not exist'] as const,
      failed: [style.bad('✗'), 'failed'] as const,
    }[outcome];
    const more = message ?? (was === 'merge' ? `${dropped.join(', ')}; its keys stay` : dropped.join(', '));
    return `  ${sign} ${printable(secret).padEnd(longest)}  ${word}${more === '' ? '' : style.faint(`  ${more}`)}\n`;
  });
  const done = released.filter(({ outcome }) => outcome === 'released');
  const bad = released.filter(({ outcome }) => outcome === 'missing' || outcome === 'failed');
  const summary = [
    `${count(done.length, 'Secret')} ${dryRun ? 'would be released' : 'released'}, the data as it was`,
    ...(bad.length > 0 ? [style.bad(`${bad.length} not`)] : []),
  ];
  return [
    `In ${style.strong(printable(cluster))}, of the agent ${style.strong(agent)}:\n\n`,
    ...lines,
    `\n${summary.join(', ')}.\n`,
    ...(done.length > 0 ? afterwards(done, known, style) : []),
  ].join('');
}

/** What the agent does from then on. */
function afterwards(done: readonly Released[], { inConfig, agentReports }: StillKnown, style: Style): string[] {
  const wanted = done.flatMap(({ secret }) => {
    const where = inConfig.get(secret);
    return where === undefined ? [] : [`    ${printable(secret)}  ${printable(where)}\n`];
  });
  const goesOn = agentReports
    ? ['If the agent runs, it says that they are refused, and touches none of them; it deletes none of them later.\n']
    : [];
  if (wanted.length === 0) return goesOn;
  return [
    ...goesOn,
    `${style.change('!')} the config at hand still wants them: take the entries out, or the agent makes a Secret anew once it is deleted:\n`,
    ...wanted,
  ];
}
