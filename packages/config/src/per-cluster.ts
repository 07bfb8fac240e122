import type { SealedReference } from './config.ts';
import { sealedWords } from './credential-forms.ts';
import { readFields } from './fields.ts';
import { wrongKind } from './issues.ts';
import { isMapping, nameOf } from './place.ts';
import type { Place } from './place.ts';
import { problemAt } from './problem.ts';
import type { Problem } from './problem.ts';
import { checkCluster } from './recipients.ts';
import type { KnownRecipients } from './recipients.ts';

/** The reference at `place`, whose `sealed` is good. */
export function sealedAt(place: Place, text: string, isUnbound = false): SealedReference {
  const { position } = place.children.get('sealed') ?? place;
  return { text, unbound: isUnbound, position };
}

/** Reads `perCluster` of a credential. What stands there instead of something sealed is never printed. */
export function readPerCluster(
  place: Place,
  recipients: KnownRecipients,
  problems: Problem[],
): ReadonlyMap<string, SealedReference> {
  const references = new Map<string, SealedReference>();
  if (!isMapping(place.value)) {
    problems.push(wrongKind(place, 'a mapping'));
    return references;
  }
  if (place.children.size === 0) problems.push(problemAt(place, '`perCluster` must name at least one cluster'));
  for (const [name, child] of place.children) {
    const named = { ...child, position: child.keyPosition };
    checkCluster(named, String(name), recipients, problems);
    const { sealed, unbound: isUnbound } = readWords(child, problems);
    if (sealed !== undefined) references.set(String(name), sealedAt(child, sealed, isUnbound));
  }
  return references;
}

/** The command for a field, to copy; without the names that a shell would not take for text, as the config may be somebody else's. */
export function sealLine(path: readonly PropertyKey[], cluster?: PropertyKey): string {
  const words = [path.map(String).join('.'), ...(cluster === undefined ? [] : ['--cluster', String(cluster)])];
  return words.every((word) => /^[\w.-]+$/.test(word)) ? `\`hikyaku seal ${words.join(' ')}\`` : '`hikyaku seal`';
}

function readWords(
  place: Place,
  problems: Problem[],
): { readonly sealed?: string | undefined; readonly unbound?: true | undefined } {
  if (isMapping(place.value) || !place.whole) return readFields(place, sealedWords, problems);
  const literal = typeof place.value === 'string' || typeof place.value === 'number';
  problems.push(
    literal
      ? problemAt(
          place,
          `${nameOf(place.path)}: a credential does not belong in the file`,
          `${sealLine(place.path.slice(0, -2), place.path.at(-1))} seals it`,
        )
      : wrongKind(place, 'a mapping with `sealed`'),
  );
  return {};
}
