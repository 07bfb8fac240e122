import type { ClusterReport } from '../status/look-at-status.ts';
import { approveLine, scopeText } from './hold-text.ts';

/** What a line is written of when it changes, by what it is about; for a pipe. */
export function wordsOf(reports: readonly ClusterReport[]): ReadonlyMap<string, string> {
  return new Map(
    reports.flatMap(({ cluster, status, problem }): readonly (readonly [string, string])[] => [
      [cluster, problem ?? 'answers'],
      ...(status === undefined
        ? []
        : [
            [`${cluster} config`, status.config.problem?.join('; ') ?? 'in force'] as const,
            ...status.reported.map(({ kind, name, state, messages, changedAt }) => {
              const written = kind === 'secret' && messages.length === 0 && changedAt !== undefined;
              const words = [state, ...messages].join(': ');
              return [`${cluster} ${kind} ${name}`, written ? `${words}, since ${changedAt}` : words] as const;
            }),
            ...status.holds.map(({ scope, digest, messages }) => {
              const words = `${messages.join('; ')}; ${approveLine(scope)} (${digest.slice(0, 8)})`;
              return [`${cluster} held of ${scopeText(scope)}`, words] as const;
            }),
          ]),
    ]),
  );
}

/** A line for each that is new, other or gone. */
export function changeLines(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
  now: number,
): readonly string[] {
  const at = new Date(now).toISOString();
  const news = [...after].filter(([what, words]) => before.get(what) !== words);
  const gone = [...before.keys()].filter((what) => !after.has(what));
  return [
    ...news.map(([what, words]) => `${at} ${what}: ${words}`),
    ...gone.map((what) => `${at} ${what}: not there any more`),
  ];
}
