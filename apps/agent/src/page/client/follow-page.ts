import { Connection } from './connection.ts';
import { morph } from './morph.ts';
import type { Times } from './times.ts';

export interface FollowOptions {
  readonly times: Times;
  /** Makes of what came what it is with a script. */
  readonly dress: (part: ParentNode) => void;
  readonly onChanged: () => void;
}

interface Show {
  readonly revision: string;
  readonly title: string;
  readonly now: number;
  readonly elements: readonly string[];
}

/** Shows what the agent tells, as it tells it. */
export function followPage({ times, dress, onChanged }: FollowOptions): void {
  const root = document.documentElement;
  const connection = new Connection({
    url: () => `/live?shown=${root.dataset['revision'] ?? ''}`,
    onHello({ build, now }) {
      if (build !== root.dataset['build']) return location.reload();
      times.setNow(now);
    },
    onBeat: ({ now }) => times.setNow(now),
    onShow(text) {
      const { revision, title, now, elements }: Show = JSON.parse(text);
      times.setNow(now);
      const before = performance.now();
      for (const element of elements) morph(element, dress);
      onChanged();
      root.dataset['revision'] = revision;
      if (document.title !== title) document.title = title;
      performance.measure('hikyaku', { start: before });
      announce();
    },
  });
  connection.open();
}

let said = wordsNow();

/** Only what it all comes to is said aloud, not every change. */
function announce(): void {
  const words = wordsNow();
  const news = document.getElementById('news');
  if (words === said || news === null) return;
  said = words;
  news.textContent = words;
}

function wordsNow(): string {
  return document.getElementById('verdict')?.dataset['words'] ?? '';
}
