import { isProviderError } from '@hikyaku/core';
import type { CallOptions, ProviderContext, SecretValue } from '@hikyaku/core';

type Context = Pick<ProviderContext, 'credential'>;
type Credentials<Paths extends readonly string[]> = { readonly [Index in keyof Paths]: SecretValue };

/**
 * Runs `work` with the credentials at these paths. When they are refused (`UNAUTHENTICATED`), they may have been replaced
 * meanwhile: they are asked for again, and if one is another now, `work` runs once more.
 */
export async function withCredentials<const Paths extends readonly string[], T>(
  context: Context,
  paths: Paths,
  work: (credentials: Credentials<Paths>) => Promise<T>,
  { signal }: CallOptions,
): Promise<T> {
  const credentials = await ask(context, paths, { signal });
  try {
    return await work(credentials);
  } catch (error) {
    if (!isProviderError(error) || error.code !== 'UNAUTHENTICATED') throw error;
    const fresh = await ask(context, paths, { signal, refused: credentials });
    if (fresh.every((credential, index) => credentials[index]?.equals(credential) === true)) throw error;
    return await work(fresh);
  }
}

async function ask<const Paths extends readonly string[]>(
  context: Context,
  paths: Paths,
  { signal, refused = [] }: CallOptions & { readonly refused?: readonly SecretValue[] },
): Promise<Credentials<Paths>> {
  const asked = paths.map((path, index) => {
    const before = refused[index];
    return context.credential(path, { signal, ...(before !== undefined && { refused: before }) });
  });
  return (await Promise.all(asked)) as Credentials<Paths>;
}
