import type { Provider } from '@hikyaku/core';

/** The providers that ship with the agent: one line each. A provider is loaded when a config uses it, and costs nothing before. */
const builtIn: Readonly<Record<string, () => Promise<{ readonly default: Provider }>>> = {
  doppler: () => import('@hikyaku/provider-doppler'),
  file: () => import('@hikyaku/provider-file'),
  kubernetes: () => import('@hikyaku/provider-kubernetes'),
  sakura: () => import('@hikyaku/provider-sakura'),
  webhook: () => import('@hikyaku/provider-webhook'),
};

export const builtInTypes: readonly string[] = Object.keys(builtIn);

/** `undefined` when none of this type ships with the agent. */
export async function loadBuiltIn(type: string): Promise<Provider | undefined> {
  const load = Object.hasOwn(builtIn, type) ? builtIn[type] : undefined;
  return (await load?.())?.default;
}

/** All of them, by type. */
export async function loadAllBuiltIn(): Promise<ReadonlyMap<string, Provider>> {
  const loaded = await Promise.all(
    Object.entries(builtIn).map(async ([type, load]): Promise<[string, Provider]> => [type, (await load()).default]),
  );
  return new Map(loaded);
}
