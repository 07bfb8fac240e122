import { formatGrantsWord, grantsPush } from '@hikyaku/config';
import { secretId } from '@hikyaku/engine';
import type { PushSpec } from '@hikyaku/engine';
import type { HeldGrants } from '../grants/held-grants.ts';

/** Why a push may not be, with the line that grants it; `undefined` where it may: outside of a pod the person's own file is trusted. */
export function pushRefusal(
  push: Pick<PushSpec, 'namespace' | 'name' | 'source'>,
  held: Pick<HeldGrants, 'grants' | 'where'> | undefined,
): string | undefined {
  const wanted = { from: secretId(push), to: push.source };
  if (held === undefined || grantsPush(held.grants, wanted)) return undefined;
  const others = held.grants.pushes.map(({ from, to }) => ({ from, to }));
  const line = formatGrantsWord('pushes', [...others, wanted]);
  return `the push of ${wanted.from} to ${wanted.to} is not granted; in ${held.where}: ${line}`;
}
