import type { Markup } from './markup.ts';

/** An element with this id: what stands before its parts, the parts, and what closes it. */
export interface Fragment {
  readonly id: string;
  readonly before: Markup;
  readonly parts: readonly Fragment[];
  readonly after: string;
}

export function leaf(id: string, whole: Markup): Fragment {
  return { id, before: whole, parts: [], after: '' };
}

export function textOf({ before, parts, after }: Fragment): string {
  return `${String(before)}${parts.map(textOf).join('')}${after}`;
}

/** The smallest elements that have to be replaced to make `now` of `then`, each as its text. */
export function changedTexts(then: Fragment, now: Fragment): readonly string[] {
  const isSameFrame =
    String(then.before) === String(now.before) &&
    then.after === now.after &&
    then.parts.length === now.parts.length &&
    then.parts.every(({ id }, index) => id === now.parts[index]?.id);
  if (!isSameFrame) return [textOf(now)];
  return now.parts.flatMap((part, index) => {
    const before = then.parts[index];
    return before === undefined ? [textOf(part)] : changedTexts(before, part);
  });
}
