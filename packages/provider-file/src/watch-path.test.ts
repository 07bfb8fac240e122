import { chmod, mkdir, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { join } from 'node:path';
import { systemClock } from '@hikyaku/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { asNobody, connect, FakeVolume, replace, temporaryFolder, texts } from './file.test.kit.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let base: string;
let stop: AbortController;

beforeEach(async () => {
  folder = await temporaryFolder();
  base = folder.path;
  await mkdir(join(base, 'secrets'));
  stop = new AbortController();
});
afterEach(async () => {
  stop.abort();
  await folder[Symbol.asyncDispose]();
});

/** Counts what the watch yields; the one at its start is taken already. */
async function follow(path: string): Promise<Followed> {
  const events = connect({ path }, { base }, systemClock).client.watch({ signal: stop.signal });
  const started = Promise.withResolvers<void>();
  const followed: Followed = {
    count: 0,
    ended: started.promise,
    async next() {
      const [before, startedAt] = [followed.count, performance.now()];
      while (followed.count === before) {
        if (performance.now() - startedAt > 4_000) return Number.POSITIVE_INFINITY;
        await delay(5);
      }
      return performance.now() - startedAt;
    },
  };
  followed.ended = (async () => {
    for await (const _ of events) {
      followed.count += 1;
      started.resolve();
    }
    return 'ended';
  })().catch((error: unknown) => error);
  await Promise.race([started.promise, followed.ended]);
  return followed;
}

interface Followed {
  count: number;
  /** `ended`, or what it threw. */
  ended: Promise<unknown>;
  /** Milliseconds until the next one. */
  next(): Promise<number>;
}

const WELL_UNDER_A_SECOND = 700;

test.each<[string, string, () => Promise<unknown>]>([
  ['a file written in place', 'a.env', () => writeFile(join(base, 'a.env'), 'A=2')],
  ['a file replaced by a rename', 'a.env', () => replace(join(base, 'a.env'), 'A=2')],
  ['a file removed', 'a.env', () => rm(join(base, 'a.env'))],
  ['a file in a directory', 'secrets', () => writeFile(join(base, 'secrets', 'new'), 'x')],
  ['a file that comes', 'new.env', () => writeFile(join(base, 'new.env'), 'A=1')],
  ['a directory that comes', 'new/deep', () => mkdir(join(base, 'new', 'deep'), { recursive: true })],
])('%s is seen at once', async (_, path, change) => {
  await writeFile(join(base, 'a.env'), 'A=1');
  const watch = await follow(path);
  const next = watch.next();
  await change();
  expect(await next).toBeLessThan(WELL_UNDER_A_SECOND);
});

test('each swap of a volume is seen at once, for the directory and for a file in it', async () => {
  const volume = new FakeVolume(join(base, 'secrets'));
  await volume.swap({ 'a.env': 'A=0' });
  await symlink('secrets/a.env', join(base, 'link.env'));
  const watches = [await follow('secrets'), await follow('secrets/a.env'), await follow('link.env')];
  const { read } = connect({ path: 'link.env' }, { base }, systemClock);
  for (let round = 1; round <= 3; round += 1) {
    const next = Promise.all(watches.map((watch) => watch.next()));
    await volume.swap({ 'a.env': `A=${round}` });
    for (const ms of await next) expect(ms).toBeLessThan(WELL_UNDER_A_SECOND);
    expect(texts(await read())).toEqual({ A: String(round) });
    await delay(150);
  }
});

test('a directory that goes and comes back is followed', async () => {
  const watch = await follow('secrets');
  for (let round = 0; round < 2; round += 1) {
    let next = watch.next();
    await rm(join(base, 'secrets'), { recursive: true });
    expect(await next).toBeLessThan(WELL_UNDER_A_SECOND);
    await delay(150);
    next = watch.next();
    await mkdir(join(base, 'secrets'));
    expect(await next).toBeLessThan(WELL_UNDER_A_SECOND);
    await delay(150);
    next = watch.next();
    await writeFile(join(base, 'secrets', 'a'), 'x');
    expect(await next).toBeLessThan(WELL_UNDER_A_SECOND);
    await delay(150);
  }
});

test('a directory above that is swapped by a rename is followed', async () => {
  await mkdir(join(base, 'v1', 'deep'), { recursive: true });
  await mkdir(join(base, 'v2', 'deep'), { recursive: true });
  await rename(join(base, 'v1'), join(base, 'now'));
  const watch = await follow('now/deep');
  let next = watch.next();
  await rename(join(base, 'now'), join(base, 'old'));
  await rename(join(base, 'v2'), join(base, 'now'));
  expect(await next).toBeLessThan(WELL_UNDER_A_SECOND);
  await delay(150);
  next = watch.next();
  await writeFile(join(base, 'now', 'deep', 'a'), 'x');
  expect(await next).toBeLessThan(WELL_UNDER_A_SECOND);
});

test('a burst is told a few times, and what does not matter not at all', async () => {
  await writeFile(join(base, 'a.env'), 'A=1');
  const watch = await follow('a.env');
  await writeFile(join(base, 'other.env'), 'A=1');
  await mkdir(join(base, 'other'));
  await delay(300);
  expect(watch.count).toBe(1);
  for (let step = 0; step < 30; step += 1) await utimes(join(base, 'a.env'), step, step);
  await delay(300);
  expect(watch.count).toBeGreaterThan(1);
  expect(watch.count).toBeLessThan(6);
});

test('reading is no change', async () => {
  await writeFile(join(base, 'secrets', 'a'), 'x');
  const watch = await follow('secrets');
  const { read } = connect({ path: 'secrets' }, { base });
  await read();
  await read();
  await delay(200);
  expect(watch.count).toBe(1);
});

test('it ends with its signal', async () => {
  const watch = await follow('secrets');
  stop.abort();
  expect(await watch.ended).toBe('ended');
});

test('a path outside of the root is not watched', async () => {
  const outside = await temporaryFolder();
  await using _ = outside;
  await symlink(outside.path, join(base, 'out'));
  const watch = await follow('out');
  await writeFile(join(outside.path, 'a'), 'x');
  await delay(250);
  expect(watch.count).toBe(1);
});

test('where it may not watch it says so, and a directory on the way that may not be listed is done without', async () => {
  await chmod(base, 0o711);
  await chmod(join(base, 'secrets'), 0o777);
  await asNobody(async () => {
    const watch = await follow('secrets');
    const next = watch.next();
    await writeFile(join(base, 'secrets', 'a'), 'x');
    expect(await next).toBeLessThan(WELL_UNDER_A_SECOND);
  });
  await chmod(join(base, 'secrets'), 0o333);
  await asNobody(async () => {
    const watch = await follow('secrets');
    expect(await watch.ended).toMatchObject({ code: 'FORBIDDEN', message: expect.stringContaining('watched') });
  });
});
