import type { Reporter, TestModule } from 'vitest/node';

/** Ends a run with what passed only at the second try, and the plain line `N passed, N failed[, N skipped]`, which every CI can read. */
export default class ClosingLineReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const counts = { passed: 0, failed: errors.length, skipped: 0 };
    const flaky: string[] = [];
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state !== 'pending') counts[state] += 1;
        if (test.diagnostic()?.flaky === true)
          flaky.push(`passed only at the second try: ${module.relativeModuleId} > ${test.fullName}\n`);
      }
      if (module.state() === 'failed' && !hasFailedTest(module)) counts.failed += 1;
    }
    const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : '';
    // After the default reporter's own summary.
    process.once('exit', () =>
      process.stdout.write(`${flaky.join('')}${counts.passed} passed, ${counts.failed} failed${skipped}\n`),
    );
  }
}

function hasFailedTest(module: TestModule): boolean {
  for (const _ of module.children.allTests('failed')) return true;
  return false;
}
