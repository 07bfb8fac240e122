import { styleText } from 'node:util';
import type { Edge } from '../edge.ts';

/** Colours in a terminal; none in a pipe, with NO_COLOR, or on a dumb terminal. */
export interface Style {
  readonly good: (text: string) => string;
  readonly change: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly faint: (text: string) => string;
  readonly strong: (text: string) => string;
}

export function styleFor({ env }: Edge, stream: { readonly isTTY?: boolean }): Style {
  const plain = !hasColors(env, stream);
  function format(color: Parameters<typeof styleText>[0]): (text: string) => string {
    return (text) => (plain ? text : styleText(color, text, { validateStream: false }));
  }
  return {
    good: format('green'),
    change: format('yellow'),
    bad: format('red'),
    faint: format('dim'),
    strong: format('bold'),
  };
}

export function hasColors(env: Edge['env'], { isTTY = false }: { readonly isTTY?: boolean }): boolean {
  if (env['NO_COLOR']) return false;
  if (env['FORCE_COLOR']) return env['FORCE_COLOR'] !== '0';
  return isTTY && env['TERM'] !== 'dumb';
}
