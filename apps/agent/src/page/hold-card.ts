import type { HoldStatus } from '@hikyaku/kubernetes';
import { approveLine, scopeText } from '../output/hold-text.ts';
import { command } from './advice.ts';
import { leaf } from './fragment.ts';
import type { Fragment } from './fragment.ts';
import { chip } from './marks.ts';
import { markup } from './markup.ts';
import type { Markup } from './markup.ts';
import { namespaceFlag } from './namespace-flag.ts';

/** So many of what would go are named; the command shows all of it. */
const SHOWN = 20;

/** What is held back by the agent of this namespace, and the command that lets it go. */
export function holdCard({ scope, digest, messages, changes, more = 0 }: HoldStatus, namespace: string): Fragment {
  const id = `hold-${scope.replaceAll(/[^\w.-]/g, '_')}`;
  const others = Math.max(0, changes.length - SHOWN) + more;
  return leaf(
    id,
    markup`
      <li id="${id}" class="card held">
        <h3>${chip('held')} ${scopeText(scope)}</h3>
        ${messages.map((message) => markup`<p class="wrong">${message}</p>`)}
        <p class="remedy">The last good data stays. Put back what is missing; or let it go:</p>
        ${command(approveLine(scope) + namespaceFlag(namespace))}
        <details id="${id}-what" class="what">
          <summary>What would go</summary>
          <ul>
            ${changes.slice(0, SHOWN).map(goingOf)}
            ${others > 0 && markup`<li>and ${others} more</li>`}
          </ul>
          <p class="fact">The command shows all of it, and asks, before anything goes. Digest ${digest.slice(0, 8)}.</p>
        </details>
      </li>`,
  );
}

function goingOf({ id, removed, overwritten = [], deleted = false }: HoldStatus['changes'][number]): Markup {
  const keys = [...removed.map((key) => `-${key}`), ...overwritten.map((key) => `~${key}`)];
  const others = keys.length - SHOWN;
  return markup`
    <li>
      <strong class="name">${id}</strong>${deleted && ', the whole Secret'} 
      <span class="keys">
        ${keys.slice(0, SHOWN).map((key) => markup`<code>${key}</code> `)}
        ${others > 0 && markup`and ${others} more`}
      </span>
    </li>`;
}
