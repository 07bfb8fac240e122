import type { Provider } from '@hikyaku/core';
import { ContractFailure } from './contract-failure.ts';

/** Checks a config as the agent does. */
export async function parseConfig({ config: schema }: Provider, config: object): Promise<unknown> {
  const result = await schema['~standard'].validate(config);
  if (result.issues === undefined) return result.value;
  const issues = result.issues.map(({ path, message }) => `${pathText(path)}: ${message}`).join('; ');
  throw new ContractFailure({
    got: `the provider's schema refuses the config of the fixture: ${issues}`,
    expected: 'a fixture whose `config` is what stands in the config file, without `type` and credentials',
  });
}

function pathText(path: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined): string {
  return path === undefined || path.length === 0
    ? 'the config'
    : path.map((part) => String(typeof part === 'object' ? part.key : part)).join('.');
}
