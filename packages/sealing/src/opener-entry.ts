/** The program of the child process. In the agent's bundle it is a file of its own: `apps/agent/build.ts` replaces this module. */
export const openerEntry = new URL(
  import.meta.url.endsWith('.ts') ? './opener-process.ts' : './opener-process.js',
  import.meta.url,
);
