/** Of a terminal that does not say (0) how wide it is. */
const DEFAULT_COLUMNS = 80;

/** Characters in a line; Infinity in a pipe. */
export function widthOf({ isTTY, columns }: { readonly isTTY?: boolean; readonly columns?: number }): number {
  return isTTY === true ? columns || DEFAULT_COLUMNS : Infinity;
}
