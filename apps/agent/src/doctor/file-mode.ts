import { printable } from '../output/printable.ts';
import { shellWord } from '../output/shell-word.ts';
import { found } from './finding.ts';
import type { Finding } from './finding.ts';

const OTHERS = 0o077;

/** Whether others than its owner may read a file that has a key or a token in it. */
export function fileMode(path: string, mode: number): readonly Finding[] {
  if ((mode & OTHERS) === 0) return [];
  const message = `may be read by others on this machine (mode ${(mode & 0o777).toString(8)})`;
  const remedy = { advice: 'leave it to yourself', command: `chmod 600 ${shellWord(path)}` };
  return [found('CREDENTIAL_OPEN_TO_OTHERS', `file ${printable(path)}`, message, remedy)];
}
