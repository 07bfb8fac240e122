import { wrongKind } from './issues.ts';
import { labelKeyProblem, labelValueProblem } from './kubernetes-names.ts';
import { isMapping, nameOf } from './place.ts';
import type { Place } from './place.ts';
import { problemAt, problemAtKey } from './problem.ts';
import type { Problem } from './problem.ts';

const OUR_PREFIX = 'hikyaku.dev/';
const MANAGED_BY = 'app.kubernetes.io/managed-by';
const LARGEST_ANNOTATIONS = 256 * 1024;

export function readLabels(place: Place | undefined, problems: Problem[]): Readonly<Record<string, string>> {
  return readTexts(place, problems, (item, key, value) => {
    const keyProblem = labelKeyProblem(key);
    if (keyProblem !== undefined) problems.push(problemAtKey(item, `the key of a label ${keyProblem}`));
    const valueProblem = labelValueProblem(value);
    if (valueProblem !== undefined) problems.push(problemAt(item, `the value of a label ${valueProblem}`));
  });
}

export function readAnnotations(place: Place | undefined, problems: Problem[]): Readonly<Record<string, string>> {
  const annotations = readTexts(place, problems, (item, key) => {
    const keyProblem = labelKeyProblem(key.toLowerCase());
    if (keyProblem !== undefined) problems.push(problemAtKey(item, `the key of an annotation ${keyProblem}`));
  });
  const bytes = Object.entries(annotations).reduce(
    (sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value),
    0,
  );
  if (place !== undefined && bytes > LARGEST_ANNOTATIONS)
    problems.push(problemAt(place, '`annotations` together are larger than 256 KiB'));
  return annotations;
}

function readTexts(
  place: Place | undefined,
  problems: Problem[],
  check: (item: Place, key: string, value: string) => void,
): Readonly<Record<string, string>> {
  const texts: Record<string, string> = {};
  if (place === undefined) return texts;
  if (!isMapping(place.value)) {
    if (place.whole) problems.push(wrongKind(place, 'a mapping'));
    return texts;
  }
  for (const [key, item] of place.children) {
    const word = String(key);
    if (word.startsWith(OUR_PREFIX) || word === MANAGED_BY) {
      problems.push(problemAtKey(item, `${nameOf([word])} is set by hikyaku itself`, 'remove it'));
    } else if (typeof item.value === 'string') {
      check(item, word, item.value);
      texts[word] = item.value;
    } else if (item.whole) problems.push(wrongKind(item, 'text'));
  }
  return texts;
}
