import { count } from '../output/count.ts';
import type { ReadStatus, Reported } from '../status/read-status.ts';
import { agentFacts } from './agent-facts.ts';
import { changeList } from './change-list.ts';
import type { Fragment } from './fragment.ts';
import { markup } from './markup.ts';
import { needCards, needList } from './need-list.ts';
import { pushList } from './push-list.ts';
import type { Change } from './recent-changes.ts';
import { restartList } from './restart-list.ts';
import { secretList } from './secret-list.ts';
import { sourceList } from './source-list.ts';
import { standby } from './standby.ts';
import { verdictOf } from './verdict.ts';
import type { Verdict } from './verdict.ts';

export interface PageState {
  /** Absent while this process keeps nothing equal. */
  readonly status: ReadStatus | undefined;
  /** Ids of what a person should know. */
  readonly concerns: ReadonlySet<string>;
  /** What it waits for until it has done everything once. */
  readonly starting: readonly string[];
  /** Of several replicas. */
  readonly leader: string | undefined;
  /** The agent's own. */
  readonly namespace: string;
  /** Where this page is served, and that of every other replica. */
  readonly port: number;
  readonly changes: readonly Change[];
}

/** What the page shows, and what stands on its tab. */
export function mainOf(state: PageState): { readonly main: Fragment; readonly title: string } {
  const { status } = state;
  const [verdict, ...parts] = status === undefined ? standby(state) : partsOf(status, state);
  const main = {
    id: 'main',
    before: markup`<main id="main" tabindex="-1">`,
    parts: [verdictOf(verdict), ...parts],
    after: '</main>',
  };
  return { main, title: `${verdict.words} · ${verdict.where} · hikyaku` };
}

function partsOf(
  status: ReadStatus,
  { concerns, starting, namespace, changes }: PageState,
): readonly [Verdict, ...(readonly Fragment[])] {
  const of = (kind: Reported['kind']) => status.reported.filter((one) => one.kind === kind);
  const [sources, secrets, pushes, restarts] = [of('source'), of('secret'), of('push'), of('restart')];
  const needs = needCards(status, concerns, namespace);
  const parts = [
    ['sources', sources.length, sources.length === 1 ? 'source' : 'sources'],
    ['secrets', secrets.length, secrets.length === 1 ? 'Secret' : 'Secrets'],
    ['pushes', pushes.length, pushes.length === 1 ? 'push' : 'pushes'],
    ['restarts', restarts.length, restarts.length === 1 ? 'restart' : 'restarts'],
  ] as const;
  return [
    {
      where: status.config.cluster ?? namespace,
      ...wordsOf(needs.length, starting.length > 0),
      ...(starting.length > 0 && { below: markup`<p>${starting.slice(0, 5).join('; ')}</p>` }),
      parts: parts.filter(([, number]) => number > 0),
    },
    ...(needs.length > 0 ? [needList(needs)] : []),
    sourceList(sources),
    secretList(secrets, concerns),
    ...(pushes.length > 0 ? [pushList(pushes)] : []),
    ...(restarts.length > 0 ? [restartList(restarts)] : []),
    changeList(changes),
    agentFacts(status, namespace),
  ];
}

function wordsOf(needs: number, isStarting: boolean): Pick<Verdict, 'tone' | 'words'> {
  if (needs > 0) return { tone: 'bad', words: `${count(needs, 'thing')} ${needs === 1 ? 'needs' : 'need'} a person` };
  return isStarting ? { tone: 'waiting', words: 'Starting' } : { tone: 'good', words: 'All is well' };
}
