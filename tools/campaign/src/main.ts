import { parseArgs } from 'node:util';
import { campaign } from './campaign.ts';

const HELP = `npm run campaign [-- OPTIONS]
Does to a running agent what a seed decides, on a real API server, and looks after each step whether what must hold holds:
no Secret lost or emptied without cause, none of somebody else touched, all equal when the faults stop.

  --hours N      how long (or --minutes N; default: 5 minutes)
  --seed N       the same faults again, in the same order
  --replicas N   agents, of which one leads (default: 1 or 2, by the seed)

Examples:
  npm run campaign
  npm run campaign -- --hours 1
  npm run campaign -- --seed 4711 --minutes 20
`;

const { values: flags } = parseArgs({
  options: {
    hours: { type: 'string' },
    minutes: { type: 'string' },
    seed: { type: 'string' },
    replicas: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
if (flags.help) {
  process.stdout.write(HELP);
  process.exit(0);
}

const seed = flags.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(flags.seed);
const minutes = flags.hours === undefined ? Number(flags.minutes ?? 5) : Number(flags.hours) * 60;
const replicas = Number(flags.replicas ?? 1 + (seed % 2));
if (![seed, minutes, replicas].every((number) => Number.isFinite(number) && number >= 0) || replicas < 1) {
  process.stderr.write(`error: --seed, --hours, --minutes and --replicas are numbers\n\n${HELP}`);
  process.exit(2);
}

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort());
const say = (line: string) => process.stdout.write(`${line}\n`);
say(`seed ${seed}, ${minutes} minutes, ${replicas} ${replicas === 1 ? 'replica' : 'replicas'}`);
const { steps, faults, calms, longestCalmMs, violations, output } = await campaign({
  seed,
  minutes,
  replicas,
  say,
  signal: stop.signal,
});
const list = [...faults].toSorted(([, a], [, b]) => b - a).map(([name, count]) => `${name} ${count}`);
say(`${steps} steps (${list.join(', ')})`);
say(`all became right ${calms} times, in ${(longestCalmMs / 1_000).toFixed(1)} s at the most`);
if (violations.length > 0) {
  process.stdout.write(output.slice(-20_000));
  for (const violation of violations) say(`violated: ${violation}`);
  say(`again: npm run campaign -- --seed ${seed} --minutes ${minutes} --replicas ${replicas}`);
  process.exitCode = 1;
}
