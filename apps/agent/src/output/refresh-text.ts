import type { ReachedAgent } from '../status/ask-agent.ts';
import type { Changed, ReadRefreshAnswer, Wrong } from '../status/read-answer.ts';
import { count } from './count.ts';
import type { Style } from './style.ts';

/** What was read, what has changed by it, and what is not as it should be. */
export function refreshText(
  { sources, secrets, changed, wrong, more }: ReadRefreshAnswer,
  { cluster, namespace }: Pick<ReachedAgent, 'cluster' | 'namespace'>,
  seconds: number,
  style: Style,
): string {
  const lines = [
    `In ${style.strong(cluster)}, by the agent ${style.strong(namespace)}:`,
    '',
    ...changed.map((one) => changedLine(one, style)),
    ...wrong.flatMap((one) => wrongLines(one, style)),
    ...(more > 0 ? [`  and ${more} more`] : []),
  ];
  const failing = wrong.filter(({ kind }) => kind === 'source').length;
  const read =
    failing === 0
      ? `${count(sources.length, 'source')} read`
      : `${failing} of ${count(sources.length, 'source')} not read`;
  const sums = [
    `${changed.length} changed`,
    ...(wrong.length > failing ? [`${wrong.length - failing} not as they should be`] : []),
  ];
  return `${lines.join('\n')}\n${read}; ${count(secrets, 'Secret')}: ${sums.join(', ')} (${seconds.toFixed(1)} s)\n`;
}

function changedLine({ secret, outcome, added, changed, removed }: Changed, style: Style): string {
  const keys = [
    ...added.map((key) => style.good(`+${key}`)),
    ...changed.map((key) => style.change(`~${key}`)),
    ...removed.map((key) => style.bad(`-${key}`)),
  ];
  return `  ${style.change('~')} ${[secret, outcome, ...keys].join('  ')}`;
}

export function wrongLines({ kind, name, state, messages }: Wrong, style: Style): readonly string[] {
  const what = kind === 'secret' ? name : `${kind} ${name}`;
  const advice = state === 'held' ? ['      hikyaku approve shows what would go, and lets it go'] : [];
  return [`  ${style.bad('!')} ${what}  ${style.faint(state)}`, ...messages.map((text) => `      ${text}`), ...advice];
}
