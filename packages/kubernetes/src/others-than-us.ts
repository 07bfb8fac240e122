import type { SecretObject } from '@hikyaku/kube-client';

/** As the API server calls whoever writes with our user agent. */
export const US = 'hikyaku';

/** Who besides us is said to manage an object; names come from whoever made them up. */
export function othersThanUs(managers: readonly string[]): { readonly others?: readonly string[] } {
  const others = [...new Set(managers)].filter((manager) => manager !== US && /^[\w.:/-]{1,128}$/.test(manager));
  return others.length === 0 ? {} : { others: others.toSorted() };
}

/** Who manages a live Secret; where `keys` are given, one of those keys of its data. */
export function managersOf({ metadata }: SecretObject, keys?: Iterable<string>): readonly string[] {
  const wanted = keys && [...keys];
  return (metadata.managedFields ?? []).flatMap(({ manager, fieldsV1 }) => {
    const data = fieldOf(fieldsV1, 'f:data');
    const concerns = wanted === undefined || wanted.some((key) => fieldOf(data, `f:${key}`) !== undefined);
    return manager !== undefined && concerns ? [manager] : [];
  });
}

function fieldOf(fields: unknown, name: string): unknown {
  return typeof fields === 'object' && fields !== null && Object.hasOwn(fields, name)
    ? Object.entries(fields).find(([key]) => key === name)?.[1]
    : undefined;
}
