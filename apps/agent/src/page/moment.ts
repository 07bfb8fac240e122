import { markup } from './markup.ts';
import type { Markup } from './markup.ts';

/**
 * A time, RFC 3339 or in milliseconds. The browser makes `12 s ago`, `in 40 s` or `for 3 d` of it and goes on counting; without a script it stays what is drawn
 * here, so that a page is the same as long as nothing has happened.
 */
export function moment(time: string | number, form: 'ago' | 'due' | 'since' = 'ago'): Markup {
  const iso = new Date(time).toISOString().replace(/\.\d+Z$/, 'Z');
  const text = iso.replace('T', ' ').replace('Z', ' UTC');
  return markup`<time datetime="${iso}" data-form="${form}">${form === 'since' ? `since ${text}` : text}</time>`;
}
