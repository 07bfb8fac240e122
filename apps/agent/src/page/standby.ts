import { command } from './advice.ts';
import type { PageState } from './main-part.ts';
import { markup } from './markup.ts';
import { namespaceFlag } from './namespace-flag.ts';
import type { Verdict } from './verdict.ts';

/** Of a process that keeps nothing equal now: it is starting, or another replica leads. */
export function standby({ starting, leader, namespace, port }: PageState): readonly [Verdict] {
  if (leader === undefined || leader === '') {
    const words = leader === '' ? 'Nobody leads yet' : 'Starting';
    const below = markup`<ul>${starting.map((line) => markup`<li>${line}</li>`)}</ul>`;
    return [{ tone: 'waiting', where: namespace, words, below, parts: [] }];
  }
  // A candidate is called by its Pod and something that tells processes apart.
  const [pod = ''] = leader.split('_');
  const below = markup`
    <p>${leader} leads, and knows how everything is. Its page:</p>
    ${command(`kubectl -n ${namespace} port-forward pod/${pod} ${port}:${port}`)}
    <p>Or from any terminal: <code>hikyaku status${namespaceFlag(namespace)}</code></p>`;
  return [{ tone: 'quiet', where: namespace, words: 'This replica waits for its turn', below, parts: [] }];
}
