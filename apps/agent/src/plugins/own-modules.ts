import * as core from '@hikyaku/core';
import * as providerUtils from '@hikyaku/provider-utils';
import { zodModule } from './zod-module.ts';

const SHARED = Symbol.for('hikyaku.own-modules');

const shared: Readonly<Record<string, object>> = {
  '@hikyaku/core': core,
  '@hikyaku/provider-utils': providerUtils,
};

/** What a plug-in can import without bringing it along: the text of a module, by name. All but zod are the agent's own instances. */
export function ownModules(): ReadonlyMap<string, string> {
  if (!Object.hasOwn(globalThis, SHARED)) Object.defineProperty(globalThis, SHARED, { value: shared });
  const texts = Object.entries(shared).map(([name, namespace]): [string, string] => {
    const from = `globalThis[Symbol.for(${JSON.stringify(SHARED.description)})][${JSON.stringify(name)}]`;
    return [name, `export const { ${Object.keys(namespace).join(', ')} } = ${from};`];
  });
  return new Map([...texts, ['zod', zodModule]]);
}
