import type { Style } from './style.ts';
import { clipped, wrapped } from './status-lines.ts';

export interface StatusRow {
  readonly ok: boolean;
  /** By the place of their column. */
  readonly cells: readonly string[];
  /** What is to be said about it. */
  readonly below: readonly string[];
}

export interface StatusGroup {
  readonly title: string;
  readonly rows: readonly StatusRow[];
}

export interface StatusColumn {
  readonly title: string;
  /** In a terminal that is too narrow the lowest goes first; absent: it stays. */
  readonly worth?: number;
  /** May be cut. */
  readonly isName?: boolean;
}

const GAP = 2;
const MARK = '  ✓ '.length;
const SHORTEST_NAME = 16;

/** Groups of rows under common columns; `width` may be Infinity. The title of a group stands over its names. */
export function statusTable(
  columns: readonly StatusColumn[],
  groups: readonly StatusGroup[],
  width: number,
  style: Style,
): readonly string[] {
  const rows = groups.flatMap((group) => group.rows);
  const widths = columns.map(({ title }, index) =>
    Math.max(title.length, ...rows.map(({ cells }) => cells[index]?.length ?? 0), ...titlesAt(index)),
  );
  function titlesAt(index: number): readonly number[] {
    return columns[index]?.isName === true ? groups.map(({ title }) => title.length) : [];
  }
  const shown = fitting(columns, widths, width);
  const isName = (index: number) => columns[index]?.isName === true;
  const tooWide = totalOf(shown, widths) - width;
  const widthOf = (index: number) => {
    const full = widths[index] ?? 0;
    return tooWide > 0 && isName(index) ? Math.max(SHORTEST_NAME, full - tooWide) : full;
  };
  const line = (cells: readonly string[]) =>
    shown
      .map((index) => clipped(cells[index] ?? '', widthOf(index)).padEnd(widthOf(index)))
      .join(' '.repeat(GAP))
      .trimEnd();
  return groups.flatMap((group, place) => {
    const titles = columns.map(({ title }, index) => (isName(index) ? group.title : place === 0 ? title : ''));
    return [
      ...(place === 0 ? [] : ['']),
      style.faint(' '.repeat(MARK) + line(titles)),
      ...group.rows.flatMap(({ ok, cells, below }) => [
        `  ${ok ? style.good('✓') : style.bad('!')} ${ok ? line(cells) : style.strong(line(cells))}`,
        ...below.flatMap((text) => wrapped(text, ' '.repeat(MARK + GAP), width)),
      ]),
    ];
  });
}

function fitting(columns: readonly StatusColumn[], widths: readonly number[], width: number): readonly number[] {
  let shown = columns.map((_, index) => index);
  for (;;) {
    const least = shown
      .filter((index) => columns[index]?.worth !== undefined)
      .toSorted((a, b) => (columns[a]?.worth ?? 0) - (columns[b]?.worth ?? 0))[0];
    if (least === undefined || totalOf(shown, widths) <= width) return shown;
    shown = shown.filter((index) => index !== least);
  }
}

function totalOf(shown: readonly number[], widths: readonly number[]): number {
  return shown.reduce((sum, index) => sum + (widths[index] ?? 0) + GAP, MARK - GAP);
}
