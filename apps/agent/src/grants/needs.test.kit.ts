import type { Needs } from './needs.ts';

/** Of a config that needs nothing. */
export const NO_NEEDS: Needs = {
  secrets: [],
  origins: [],
  destinations: [],
  plugIns: [],
  files: [],
  pushes: [],
  restarts: [],
  folder: '/config',
};
