import type { Provider } from '@hikyaku/core';
import type { Setup } from './fixture.ts';
import { findGaps, gapsText } from './gaps.ts';
import { hasHook, isAbility } from './needs.ts';
import { collectChecks } from './run-checks.ts';
import type { SuiteOptions } from './run-checks.ts';

/** `test` of vitest, of node:test, or of any runner that takes a title and an async function. */
export type Test = (title: string, run: (context: TestRun) => Promise<void>) => unknown;

/** What runners hand to a test. */
export interface TestRun {
  /** Ends the test as not checked, or marks it so. */
  skip(reason?: string): void;
}

/**
 * Registers the checks of the contract as tests, and a last one that lists what is not checked.
 *
 * ```ts
 * testProvider(test, directory, { config: { path }, present: { name: 'present', value: 'value' } });
 * ```
 */
export function testProvider(test: Test, provider: Provider, setup: Setup, options: SuiteOptions = {}): void {
  for (const check of collectChecks(provider, setup, options)) {
    if (check.leftOut !== undefined) continue;
    // Hooks of an object are known by now; those of a function, and what the provider has, only when it is opened.
    if (typeof setup !== 'function' && !check.needs.every((need) => isAbility(need) || hasHook(setup, need))) continue;
    test(check.title, async (context) => {
      const result = await check.run();
      if (result.outcome === 'failed') throw result.error;
      if (result.outcome === 'not checked') context.skip([result.need ?? [], result.reason].flat().join(': '));
    });
  }
  test('coverage: what is not checked is known', async () => {
    const gaps = await findGaps(provider, setup, options);
    if (gaps.length > 0) console.log(gapsText(provider, gaps));
  });
}
