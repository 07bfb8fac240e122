import type { ClusterReport } from '../status/look-at-status.ts';
import { ageText } from './status-age.ts';
import { wrapped } from './status-lines.ts';
import type { StatusTextOptions } from './status-text.ts';

/** What is to be known of a cluster before anything that is told of it is believed. */
export function noteLines(
  report: ClusterReport,
  { now, width, style }: Pick<StatusTextOptions, 'now' | 'width' | 'style'>,
): readonly string[] {
  return notesOf(report, now).flatMap(([first = '', ...more]) => [
    ...wrapped(first, '    ', width).map((line, index) =>
      index === 0 ? `  ${style.bad('!')} ${line.slice('    '.length)}` : line,
    ),
    ...more.flatMap((text) => wrapped(text, '      ', width)),
  ]);
}

/** Each with its first line, and lines that belong to it. */
function notesOf({ status, problem, aheadMs }: ClusterReport, now: number): readonly (readonly string[])[] {
  if (status === undefined) return problem === undefined ? [] : [[problem]];
  const { config, cut, publicKeys, writtenAt } = status;
  const { undecided = 0 } = config;
  return [
    ...(problem === undefined ? [] : [[problem, `what follows is as of ${ageText(writtenAt, now + aheadMs)}`]]),
    ...(config.problem === undefined
      ? []
      : [['the config that is there is not in force; the last good one goes on:', ...config.problem]]),
    ...(undecided === 0
      ? []
      : [
          [
            `${undecided === 1 ? '1 entry with `clusters:` rests' : `${undecided} entries with \`clusters:\` rest`}: it is not known which cluster this is`,
            ...publicKeys.slice(0, 1).map((key) => `its key is ${key}: hikyaku recipients add NAME ${key}`),
          ],
        ]),
    ...(cut === undefined ? [] : [[`left out, as it would not have fitted: ${cut}`]]),
  ];
}
