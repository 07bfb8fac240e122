/** More than this may not go without a person's word; all of it never. */
export type Threshold = { readonly percent: number } | { readonly count: number };

/** Whether a loss is past the threshold. */
export function exceeds(lost: number, total: number, threshold: Threshold | 'off'): boolean {
  if (lost === 0 || threshold === 'off') return false;
  if (lost >= total) return true;
  return lost > ('percent' in threshold ? (total * threshold.percent) / 100 : threshold.count);
}
