import type { Config, ConfigFiles } from '@hikyaku/config';
import { readGrantsData } from '@hikyaku/config';
import type { LogFields, Logger } from '@hikyaku/core';
import { KubeError } from '@hikyaku/kube-client';
import type { LastGoodConfig } from '@hikyaku/kubernetes';
import { beforeEach, expect, test } from 'vitest';
import { ConfigError } from '../load-config-file.ts';
import { UserError } from '../user-error.ts';
import { LiveConfig } from './live-config.ts';

const { signal } = new AbortController();
const DIGEST = `sha256-${'A'.repeat(43)}=`;

/** What stands in the one file; `broken` is a mistake, and so is a plug-in that is not granted. */
let text: string;
let grants: string;
let kept: ConfigFiles['files'] | undefined;
/** Why it cannot be. */
let unkept: KubeError | undefined;
let loads: number;
let log: string[];

beforeEach(() => {
  text = 'first';
  grants = 'version: 1';
  kept = undefined;
  unkept = undefined;
  loads = 0;
  log = [];
});

function held() {
  const data = { 'grants.yaml': grants, types: '', metadataPrefixes: '', reservedNamespaces: '' };
  return { ...readGrantsData(data, 'grants'), where: 'grants' };
}

function granted(config: Config) {
  const files = { base: '/', root: '/', refused: [] };
  return { config, held: held(), limits: { files, grantedOrigins: held().grants.origins } };
}

async function open(): Promise<LiveConfig> {
  const say = (fields: LogFields, message: string) =>
    void log.push([message, ...(Array.isArray(fields['problems']) ? fields['problems'] : [])].join(' | '));
  const logger: Logger = { trace: say, debug: say, info: say, warn: say, error: say };
  const lastGood: Pick<LastGoodConfig, 'read' | 'keep'> = {
    read: async () => kept,
    async keep(files) {
      if (unkept !== undefined) throw unkept;
      kept = [...files];
    },
  };
  return await LiveConfig.open(
    {
      input: { read: async () => ({ files: [{ path: 'hikyaku.yaml', text }], problems: [] }), async *changes() {} },
      lastGood: lastGood as LastGoodConfig,
      load: async ({ files: [file] }) => {
        loads++;
        if (file?.text === 'unreachable') throw new KubeError('UNAVAILABLE', 'no answer');
        const message = file?.text === 'broken' ? 'it is broken' : 'not granted';
        const isWrong = file?.text === 'broken' || (file?.text === 'plug-in' && !held().grants.plugins.has('./p.ts'));
        if (isWrong) throw new ConfigError([{ file: 'hikyaku.yaml', line: 3, column: 1, path: '', message }]);
        return granted({ name: file?.text } as unknown as Config);
      },
      grantAgain: async (config) => granted(config),
      here: async (config) => {
        if (nameOf(config) === 'elsewhere') throw new UserError('that is another cluster');
        return { config, undecided: { secrets: [], pushes: [] }, cluster: undefined };
      },
      logger,
    },
    { signal },
  );
}

function nameOf(config: Config): unknown {
  return Reflect.get(config, 'name');
}

test('another config is in force, and whoever waits hears of it', async () => {
  const live = await open();
  const before = live.current;
  const waiting = live.untilOther(before, { signal });
  text = 'second';
  await live.look({ signal });
  await waiting;
  expect(nameOf(live.current.whole)).toBe('second');
  expect(kept).toEqual([{ path: 'hikyaku.yaml', text: 'second' }]);
});

test('waiting ends with its signal', async () => {
  const live = await open();
  const stop = new AbortController();
  const waiting = live.untilOther(live.current, { signal: stop.signal });
  stop.abort();
  await waiting;
});

test('the same files are not loaded again, well or broken', async () => {
  const live = await open();
  await live.look({ signal });
  expect(loads).toBe(1);
  text = 'broken';
  for (let times = 0; times < 3; times++) await live.look({ signal });
  expect(loads).toBe(2);
});

test('a broken one is refused once, with its position, and the old one goes on until it is mended', async () => {
  const live = await open();
  const before = live.current;
  text = 'broken';
  for (let times = 0; times < 3; times++) await live.look({ signal, granted: true });
  expect(live.current).toBe(before);
  expect(log).toEqual(['config refused: the last good one goes on | hikyaku.yaml:3:1: it is broken']);
  expect(live.problem).toContain('it is broken');
  expect(kept).toEqual([{ path: 'hikyaku.yaml', text: 'first' }]);
  text = 'first';
  await live.look({ signal });
  expect(log.at(-1)).toBe('config is good again');
  expect(live.problem).toBeUndefined();
});

test('one that contradicts what is known of the cluster is refused as well', async () => {
  const live = await open();
  text = 'elsewhere';
  await live.look({ signal });
  expect([nameOf(live.current.whole), live.problem]).toEqual(['first', 'that is another cluster']);
});

test('what keeps it from looking is nobody’s mistake: it is looked at again', async () => {
  const live = await open();
  text = 'unreachable';
  await expect(live.look({ signal })).rejects.toThrow('no answer');
  await expect(live.look({ signal })).rejects.toThrow('no answer');
  expect(live.problem).toBeUndefined();
});

test('after a restart with a broken one that which was kept is in force, and it is said', async () => {
  kept = [{ path: 'hikyaku.yaml', text: 'first' }];
  text = 'broken';
  const live = await open();
  expect(nameOf(live.current.whole)).toBe('first');
  expect(log).toEqual(['config refused: the last good one goes on | hikyaku.yaml:3:1: it is broken']);
});

test('one that cannot be kept is in force, and kept as soon as it can be, also when another one has been refused since', async () => {
  const live = await open();
  text = 'second';
  unkept = new KubeError('UNAVAILABLE', 'no answer');
  await live.look({ signal });
  expect(nameOf(live.current.whole)).toBe('second');
  text = 'broken';
  await live.look({ signal });
  await live.keepAgain({ signal });
  expect(kept).toMatchObject([{ text: 'first' }]);
  unkept = undefined;
  await live.keepAgain({ signal });
  expect(kept).toMatchObject([{ text: 'second' }]);
  kept = undefined;
  await live.keepAgain({ signal });
  expect(kept).toBeUndefined();
  expect(log.filter((line) => line === 'config not kept for a restart')).toHaveLength(1);
});

test('where that which was kept is broken as well, the mistake is that of the config', async () => {
  kept = [{ path: 'hikyaku.yaml', text: 'plug-in' }];
  text = 'broken';
  await expect(open()).rejects.toMatchObject({ problems: [{ message: 'it is broken' }] });
});

test('grants that change are in force, and the same ones change nothing', async () => {
  const live = await open();
  const before = live.current;
  await live.look({ signal, granted: true });
  expect(live.current).toBe(before);
  grants = 'origins: ["https://nas.lan"]';
  await live.look({ signal, granted: true });
  expect(live.current.limits.grantedOrigins).toEqual(['https://nas.lan']);
});

test('what is granted no more is not to be had though the config is broken', async () => {
  grants = 'origins: ["https://nas.lan"]';
  const live = await open();
  text = 'broken';
  await live.look({ signal });
  grants = 'origins: []';
  await live.look({ signal, granted: true });
  expect(nameOf(live.current.whole)).toBe('first');
  expect(live.current.limits.grantedOrigins).toEqual([]);
});

test('a plug-in that runs and is granted no more is stopped, also when another grant changes after it', async () => {
  grants = `plugins: { ./p.ts: { digest: "${DIGEST}" } }`;
  text = 'plug-in';
  const live = await open();
  grants = 'version: 1';
  await live.look({ signal, granted: true });
  expect(live.problem).toContain('not granted');
  expect(live.current.limits.withdrawnPlugIns).toEqual(new Set(['./p.ts']));
  grants = 'origins: []';
  await live.look({ signal, granted: true });
  expect(live.current.limits.withdrawnPlugIns).toEqual(new Set(['./p.ts']));
  grants = `plugins: { ./p.ts: { digest: "${DIGEST}" } }`;
  await live.look({ signal, granted: true });
  expect(live.problem).toBeUndefined();
  expect(live.current.limits.withdrawnPlugIns).toBeUndefined();
});
