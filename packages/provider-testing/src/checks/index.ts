import type { Claim } from '../check.ts';
import { absence } from './absence.ts';

/** The contract, in the order in which an author wants to see it fail. */
export const claims: readonly Claim[] = [...absence];
