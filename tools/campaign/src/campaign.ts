import { setTimeout as sleep } from 'node:timers/promises';
import { FAULTS, handOver, heal } from './faults.ts';
import type { Fault } from './faults.ts';
import { Model } from './model.ts';
import { Random } from './random.ts';
import { Watch } from './watch.ts';
import { World } from './world.ts';

export interface CampaignOptions {
  readonly seed: number;
  readonly minutes: number;
  readonly replicas: number;
  /** A line for each step. */
  readonly say: (line: string) => void;
  readonly signal?: AbortSignal;
}

export interface CampaignResult {
  readonly steps: number;
  /** By the name of the fault. */
  readonly faults: ReadonlyMap<string, number>;
  /** How often everything had to become right, and how long it took at the most, milliseconds. */
  readonly calms: number;
  readonly longestCalmMs: number;
  /** What did not hold; none is what we want. */
  readonly violations: readonly string[];
  /** What the agents wrote, where something did not hold. */
  readonly output: string;
}

/** Everything is right this long after the last fault, at the latest. */
const CALM_MS = 150_000;
const STEPS_BETWEEN_CALMS = 12;

/** Does to agents what a seed decides, and looks after each step whether what must hold holds. Ends at the first violation. */
export async function campaign({ seed, minutes, replicas, say, signal }: CampaignOptions): Promise<CampaignResult> {
  const random = new Random(seed);
  await using world = await World.start(new Model(random), replicas);
  const watch = new Watch(world);
  const faults = new Map<string, number>();
  const violations: string[] = [];
  let steps = 0;
  let calms = 0;
  let longestCalmMs = 0;
  for (let replica = 0; replica < replicas; replica++) world.startAgent(replica);
  await watch.begin();
  const end = performance.now() + minutes * 60_000;
  const isOver = () => violations.length > 0 || performance.now() >= end || signal?.aborted === true;

  await calm('at the start');
  while (!isOver()) {
    for (let step = 0; step < STEPS_BETWEEN_CALMS && !isOver(); step++) {
      const fault = choose(random);
      say(`${String(++steps).padStart(4)} ${fault.name}: ${await fault.run(world, random, watch)}`);
      faults.set(fault.name, (faults.get(fault.name) ?? 0) + 1);
      await sleep(random.between(0, 1_500));
      // Half-open states of the network end by themselves only after minutes.
      if (random.next() < 0.5) world.proxy.mode = 'open';
      await look();
    }
    if (violations.length === 0) await calm(`after ${steps} steps`);
  }
  return { steps, faults, calms, longestCalmMs, violations, output: violations.length > 0 ? world.output : '' };

  async function look(): Promise<void> {
    violations.push(...(await watch.violations()), ...world.died.map((output) => `an agent has ended:\n${output}`));
  }

  /** Nothing is wrong any more: everything has to become as it should be. */
  async function calm(when: string): Promise<void> {
    await heal(world);
    const startedAt = performance.now();
    let open = await watch.unequal();
    // Contests are looked at again after minutes only, or when something else is wanted.
    world.fakes.shared.set('shared', 'prd', 'D', world.model.set('shared', 'D'));
    while (open.length > 0 || (await watch.unequal()).length > 0) {
      await look();
      if (violations.length > 0) return;
      if (performance.now() - startedAt > CALM_MS) {
        violations.push(...open.map((line) => `${Math.round(CALM_MS / 1_000)} s after the last fault: ${line}`));
        return;
      }
      await sleep(250);
      open = await watch.unequal();
    }
    await look();
    const tookMs = performance.now() - startedAt;
    longestCalmMs = Math.max(longestCalmMs, tookMs);
    calms++;
    say(`     all is right ${when}, ${(tookMs / 1_000).toFixed(1)} s after the last fault`);
    await watch.settled();
    // What was taken away was not written to. Now its owner gives it back.
    for (const id of watch.theirs) {
      watch.handedOver(id);
      say(`     ${await handOver(world, id)}`);
    }
  }
}

function choose(random: Random): Fault {
  let at = random.next() * FAULTS.reduce((sum, { weight }) => sum + weight, 0);
  return FAULTS.find(({ weight }) => (at -= weight) < 0) ?? random.pick(FAULTS);
}
