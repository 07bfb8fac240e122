import { isNoticeCredential } from '@hikyaku/config';
import type { CredentialReference, SourceConfig } from '@hikyaku/config';
import type { Provider } from '@hikyaku/core';

/**
 * The origins that a credential which says nothing about its destination may not be sent to: all that are not named by who starts the agent
 * or by the grants, but for the service's own, where there is one service of this kind. Another kind of source would else hand out what is
 * kept for this one.
 */
export function refusedDestinations(
  { provider, description }: Pick<SourceConfig, 'provider' | 'description'>,
  named: readonly string[],
): readonly string[] {
  // A kubeconfig says itself where it goes. No plug-in can take the type of a built-in provider.
  if (provider.type === 'kubernetes') return [];
  const usual = usualOrigin(provider);
  const accepted = new Set([...(usual === undefined ? [] : [usual]), ...named.map((origin) => new URL(origin).origin)]);
  return description.origins.map((origin) => new URL(origin).origin).filter((origin) => !accepted.has(origin));
}

/** Where a kind of service is, if there is one such place: the default of its `url`. */
export function usualOrigin({ config }: Provider): string | undefined {
  const standard: object = config['~standard'];
  if (!('jsonSchema' in standard) || !hasInput(standard.jsonSchema)) return undefined;
  const address = at(schemaOf(standard.jsonSchema), 'properties', 'url', 'default');
  return typeof address === 'string' ? URL.parse(address)?.origin : undefined;
}

function schemaOf(schemas: JsonSchemas): unknown {
  try {
    return schemas.input({ target: 'draft-2020-12' });
  } catch {
    return undefined; // a schema that JSON Schema cannot express
  }
}

interface JsonSchemas {
  input(options: { readonly target: string }): unknown;
}

function hasInput(value: unknown): value is JsonSchemas {
  return typeof at(value, 'input') === 'function';
}

function at(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (current, key) => (typeof current === 'object' && current !== null ? Reflect.get(current, key) : undefined),
    value,
  );
}

/** The credentials that the source sends and that say nothing about their destination. */
export function unboundCredentials({ credentials, description }: SourceConfig): readonly string[] {
  const used = description.credentials && new Set(description.credentials);
  return [...credentials].flatMap(([field, reference]) =>
    used?.has(field) !== false && !isNoticeCredential(field) && isUnbound(reference) ? [field] : [],
  );
}

/** Of one that was sealed it is known only when it is opened. */
function isUnbound(reference: CredentialReference): boolean {
  return 'env' in reference || 'file' in reference || 'secretRef' in reference;
}
