import type { Possibility } from '../grants/possibilities.ts';
import { printable } from './printable.ts';
import type { Style } from './style.ts';

export interface PossibilitiesTextOptions {
  /** As the person called it. */
  readonly against: string;
  /** Asked for and granted now. */
  readonly added: readonly Possibility[];
  /** Granted now, and not asked for. */
  readonly granted: readonly Possibility[];
}

export function possibilitiesText({ against, added, granted }: PossibilitiesTextOptions, style: Style): string {
  if (added.length + granted.length === 0) return `${style.good('✓')} nothing is possible that was not at ${against}\n`;
  const list = (title: string, all: readonly Possibility[]): string =>
    all.length === 0
      ? ''
      : `${title}\n${all.map(({ kind, what }) => `  ${style.change('+')} ${kind} ${printable(what)}\n`).join('')}`;
  return (
    list(`possible now, and not at ${against}:`, added) +
    list(`granted now, and not at ${against}, though this config does not ask for it:`, granted)
  );
}
