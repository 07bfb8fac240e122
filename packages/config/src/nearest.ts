import { distance } from 'fastest-levenshtein';

const MOST_CANDIDATES = 500;

/** The candidate that was probably meant: two letters away, three in a long word. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  const lowerCase = word.toLowerCase();
  let best: string | undefined;
  let bestDistance = Math.min(3, Math.max(2, Math.floor(word.length / 3)), word.length - 1) + 1;
  let count = 0;
  for (const candidate of candidates) {
    if ((count += 1) > MOST_CANDIDATES) break;
    // Cheap first: a file may hold very long words, and the distance costs their product.
    if (Math.abs(candidate.length - word.length) >= bestDistance) continue;
    const candidateDistance = distance(lowerCase, candidate.toLowerCase());
    if (candidateDistance < bestDistance) [best, bestDistance] = [candidate, candidateDistance];
  }
  return best;
}

/** `` did you mean `key`? ``, when something is near enough. */
export function didYouMean(word: string, candidates: Iterable<string>): string | undefined {
  const candidate = nearest(word, candidates);
  return candidate === undefined ? undefined : `did you mean \`${candidate}\`?`;
}
