import { markup } from './markup.ts';
import type { Markup } from './markup.ts';

/** How a state looks; the word beside it says the same. */
export type Tone = 'good' | 'bad' | 'held' | 'waiting' | 'quiet';

const TONES: Readonly<Record<string, Tone>> = {
  ok: 'good',
  synced: 'good',
  pushed: 'good',
  restarted: 'good',
  reading: 'waiting',
  unread: 'waiting',
  waiting: 'waiting',
  held: 'held',
  kept: 'held',
  removed: 'quiet',
  left: 'quiet',
};

export function toneOf(state: string): Tone {
  return TONES[state] ?? 'bad';
}

export function chip(state: string): Markup {
  const tone = toneOf(state);
  return markup`<span class="chip ${tone}">${mark(tone)}${state}</span>`;
}

export function mark(tone: Tone): Markup {
  return markup`<svg class="mark" aria-hidden="true"><use href="#mark-${tone}"></use></svg>`;
}

/** Drawn once, used by reference. */
export const marks = markup`
  <svg width="0" height="0" class="unseen" aria-hidden="true">
    <symbol id="mark-good" viewBox="0 0 16 16"><path d="m3.5 8.5 3 3 6-7"/></symbol>
    <symbol id="mark-bad" viewBox="0 0 16 16"><path d="M8 2.5v7M8 12.4v1"/></symbol>
    <symbol id="mark-held" viewBox="0 0 16 16"><path d="M5.5 3.5v9M10.5 3.5v9"/></symbol>
    <symbol id="mark-waiting" viewBox="0 0 16 16"><circle cx="8" cy="8" r="5.6"/><path d="M8 5v3.2l2.2 1.4"/></symbol>
    <symbol id="mark-quiet" viewBox="0 0 16 16"><path d="M4 8h8"/></symbol>
  </svg>`;
