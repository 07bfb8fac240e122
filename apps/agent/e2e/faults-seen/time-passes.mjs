// Loaded into the agent by `node --import`: with each SIGUSR2 four minutes pass for it: less than a read may
// be silent, so that none is given up which is under way just then.
import { syncBuiltinESMExports } from 'node:module';
import timers from 'node:timers/promises';

const FOUR_MINUTES = 240_000;
const realNow = performance.now.bind(performance);
const realDelay = timers.setTimeout;
let passedMs = 0;

performance.now = () => realNow() + passedMs;

timers.setTimeout = async (ms = 1, value, options = {}) => {
  const end = performance.now() + ms;
  // A first turn also of what is not to wait at all.
  do await realDelay(Math.max(0, Math.min(end - performance.now(), 100)), undefined, options);
  while (performance.now() < end);
  return value;
};
syncBuiltinESMExports();

process.on('SIGUSR2', () => {
  passedMs += FOUR_MINUTES;
});
