/** Of an age recipient. Nothing may be sealed to keys of both kinds: the weaker ones would decide. */
export function isPostQuantum(recipient: string): boolean {
  return /^age1(tag)?pq1/.test(recipient);
}
