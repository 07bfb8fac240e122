import { readdirSync } from 'node:fs';
import { defineConfig } from 'vitest/config';

const conditions = ['@hikyaku/source', 'node', 'import', 'module', 'default'];

function project(name: string, root: string, options: object = {}) {
  return {
    resolve: { conditions },
    ssr: { resolve: { conditions, externalConditions: ['@hikyaku/source'] } },
    test: {
      name,
      root,
      include: ['src/**/*.test.ts'],
      execArgv: ['--conditions=@hikyaku/source'],
      // Real servers and files, on machines that have other work too.
      testTimeout: 30_000,
      ...options,
    },
  };
}

export default defineConfig({
  test: {
    reporters: ['default', './tools/closing-line-reporter.ts'],
    projects: [
      ...readdirSync('packages').map((name) => project(name, `packages/${name}`)),
      project('agent', 'apps/agent'),
      project('new-provider', 'tools/new-provider'),
      // A real API server starts in these.
      project('devcluster', 'tools/devcluster', { testTimeout: 120_000, hookTimeout: 900_000 }),
      // Programs of others are built in these.
      project('reference-tools', 'tools/reference-tools', { hookTimeout: 900_000 }),
      project('e2e', 'apps/agent', {
        include: ['e2e/**/*.test.ts'],
        testTimeout: 120_000,
        hookTimeout: 900_000,
        maxWorkers: 2,
        // Servers, agents and browsers share two cores with whatever else is there; who needed the second try is named at the end.
        retry: 1,
        sequence: { groupOrder: 1 },
      }),
      // Ends and restarts servers and agents as it goes, for minutes.
      project('campaign', 'tools/campaign', { maxWorkers: 1, sequence: { groupOrder: 3 } }),
      // Measures, so nothing else may run beside it.
      project('bench', 'tools/bench', { testTimeout: 300_000, maxWorkers: 1, sequence: { groupOrder: 2 } }),
    ],
  },
});
