import type { ReadStatus } from '../status/read-status.ts';
import { leaf } from './fragment.ts';
import type { Fragment } from './fragment.ts';
import { markup } from './markup.ts';
import type { Markup } from './markup.ts';
import { moment } from './moment.ts';

/** What runs here, and by which config. */
export function agentFacts({ version, startedAt, leader, config }: ReadStatus, namespace: string): Fragment {
  const facts: readonly (readonly [name: string, what: Markup] | undefined)[] = [
    ['Agent', markup`hikyaku ${version}, in ${namespace}`],
    startedAt === undefined ? undefined : ['Started', moment(startedAt)],
    config.cluster === undefined ? undefined : ['Cluster', markup`${config.cluster}`],
    leader === undefined ? undefined : ['Leader', markup`${leader}`],
    config.loadedAt === undefined ? undefined : ['Config loaded', moment(config.loadedAt)],
    ['Config digest', markup`<code>${config.digest.slice(0, 16)}</code>`],
  ];
  return leaf(
    'agent',
    markup`
      <section id="agent" aria-labelledby="agent-title">
        <h2 id="agent-title">This agent</h2>
        <dl class="facts">
          ${facts
            .filter((fact) => fact !== undefined)
            .map(([name, what]) => markup`<div><dt>${name}</dt><dd>${what}</dd></div>`)}
        </dl>
      </section>`,
  );
}
