import { describe, expect, test } from 'vitest';
import type { StatusDocument } from '@hikyaku/kubernetes';
import type { ClusterReport } from '../status/look-at-status.ts';
import type { Reported } from '../status/read-status.ts';
import { readStatus } from '../status/read-status.ts';
import { changeLines, wordsOf } from './status-changes.ts';
import { statusOneText } from './status-one-text.ts';
import { statusText } from './status-text.ts';
import type { StatusTextOptions } from './status-text.ts';
import type { Style } from './style.ts';

const same = (text: string) => text;
const plain: Style = { good: same, change: same, bad: same, faint: same, strong: same };
const NOW = Date.parse('2026-01-10T12:00:00Z');
const OPTIONS: StatusTextOptions = {
  now: NOW,
  width: Infinity,
  style: plain,
  flagsOf: (cluster) => ` --context ${cluster}`,
};

function at(secondsAgo: number): string {
  return new Date(NOW - secondsAgo * 1_000).toISOString();
}

function thing(kind: Reported['kind'], name: string, state: string, more: Partial<Reported> = {}): Reported {
  return { kind, name, state, ok: true, changedAt: at(7_200), goodAt: at(12), messages: [], ...more };
}

const homelab = thing('source', 'homelab', 'ok', { nextAt: at(-48) });
const nas = thing('source', 'nas', 'failing', {
  ok: false,
  changedAt: at(300),
  goodAt: at(360),
  nextAt: at(1),
  messages: ['nas refuses the token (401); seal a new one: hikyaku seal nas.token'],
});
const held = thing('secret', 'web/db', 'held', { ok: false, changedAt: at(30), messages: ['3 of 4 keys would go'] });

function report(cluster: string, reported: readonly Reported[], more: Partial<ClusterReport> = {}): ClusterReport {
  const config = { digest: 'd', loadedAt: at(86_400 * 3) };
  const about = { writtenAt: at(1), version: '1.0.0', startedAt: at(86_400 * 3), publicKeys: [] };
  const status = { ...about, config, reported, holds: [] };
  return { cluster, agent: 'hikyaku', aheadMs: 0, status, ...more };
}

const home = report('home', [homelab, nas, thing('secret', 'web/app-env', 'synced'), held]);
/** As it is read of a status that somebody else has written. */
function holding(scope: string): ClusterReport {
  const hold = { scope, digest: 'd', messages: [], changes: [] };
  const document = { agent: {}, config: {}, sources: {}, secrets: {}, pushes: {}, restarts: {}, holds: [hold] };
  return { ...report('home', []), status: readStatus(document as unknown as StatusDocument) };
}
const withHold: ClusterReport = {
  ...home,
  ...(home.status && {
    status: {
      ...home.status,
      holds: [{ scope: 'source:homelab', digest: 'd', messages: ['3 of 4 keys from homelab would go'], changes: [] }],
    },
  }),
};

describe('sealed credentials', () => {
  const path = 'providers.homelab.token';
  const credentials = [{ path, sealedAt: at(86_400 * 30) }];
  function using(cluster: string, used: readonly { readonly path: string; readonly usedAt?: string }[] | undefined) {
    const { status, ...rest } = report(cluster, [homelab]);
    return { ...rest, ...(status && { status: { ...status, ...(used && { credentials: used }) } }) };
  }
  const line = (...reports: readonly ClusterReport[]) =>
    statusText(reports, credentials, OPTIONS)
      .split('\n')
      .find((text) => text.includes(path));

  test('say when they were used last, or that they were not', () => {
    expect(line(using('home', [{ path, usedAt: at(12) }]))).toMatch(/30 d ago; last used 12 s ago$/);
    expect(line(using('home', [{ path }]))).toMatch(/30 d ago; not used since the agent started$/);
    expect(line(using('home', [{ path: 'providers.nas.token' }]))).toMatch(/30 d ago$/);
    expect(line(using('home', undefined))).toMatch(/30 d ago$/);
  });

  test('say it of each cluster', () => {
    const reports = [using('home', [{ path, usedAt: at(12) }]), using('cabin', [{ path }]), using('shed', undefined)];
    expect(line(...reports)).toMatch(/; last used: home 12 s ago, cabin not since its agent started$/);
  });
});

describe('a scope that somebody has made up', () => {
  const texts = (scope: string) =>
    [
      [statusText([holding(scope)], [], OPTIONS), ' --context home'],
      [statusOneText([holding(scope)], OPTIONS), ' --context home'],
      [`${[...wordsOf([holding(scope)]).values()].join('\n')}\n`, ' (d)'],
    ] as const;

  test.each([
    ['source:$(touch x)', "hikyaku approve 'source:$(touch x)'"],
    ['source:a; touch x', "hikyaku approve 'source:a; touch x'"],
    ['push:`touch x`', "hikyaku approve 'push:`touch x`'"],
    ['config\ntouch x', String.raw`hikyaku approve 'config'\\'u000atouch x'`],
    // No flag of the command.
    ['--yes', 'hikyaku approve source:--yes'],
    ['source:--yes', 'hikyaku approve source:--yes'],
    // Nor the name of another scope.
    ['source:push:nas', 'hikyaku approve source:push:nas'],
    ['source:config', 'hikyaku approve source:config'],
    ['config', 'hikyaku approve config'],
    ['push:nas', 'hikyaku approve push:nas'],
    ['source:nas', 'hikyaku approve nas'],
  ])('%j is one word in the line to copy', (scope, line) => {
    for (const [text, end] of texts(scope)) expect(text).toContain(`${line}${end}\n`);
  });
});

describe('one cluster', () => {
  test('is a table, with what to do below each', () => {
    const credentials = [{ path: 'providers.homelab.token', sealedAt: at(86_400 * 30) }];
    expect(statusText([withHold], credentials, OPTIONS)).toBe(`\
home: agent hikyaku 1.0.0, started 3 d ago, config loaded 3 d ago

    SOURCE       STATE    LAST CHANGE  LAST SUCCESS  NEXT RUN
  ✓ homelab      ok       2 h ago      12 s ago      in 48 s
  ! nas          failing  5 min ago    6 min ago     now
      nas refuses the token (401); seal a new one: hikyaku seal nas.token

    SECRET
  ✓ web/app-env  synced   2 h ago      12 s ago
  ! web/db       held     30 s ago     12 s ago
      3 of 4 keys would go

    HELD
  ! the source homelab
      3 of 4 keys from homelab would go
      hikyaku approve homelab --context home

    SEALED CREDENTIAL, in the config at hand
    providers.homelab.token  sealed on 2025-12-11, 30 d ago
`);
  });

  test.each([60, 44, 30])(
    'in a terminal of %i columns has no line that is longer, but for a command to copy',
    (width) => {
      const lines = statusText([withHold], [], { ...OPTIONS, width }).split('\n');
      const long = lines.filter((line) => line.length > width && !line.includes('hikyaku approve'));
      expect(long).toEqual([]);
      const table = lines.filter((line) => /^ {2}[✓!] (?:homelab|web|nas)/.test(line));
      expect(table).toHaveLength(4);
    },
  );

  test('that is too much for the screen is what is not well', () => {
    const text = statusText([withHold], [], { ...OPTIONS, onlyUnwell: true });
    expect(text).toContain('! nas ');
    expect(text).not.toContain('homelab  ');
    expect(text).toContain('    and 2 that are well\n');
  });

  test('tells what is not restarted, for which Secrets, and why', () => {
    const messages = ['not granted; grants.yaml has to say: restarts: [web/Deployment/web]'];
    const restart = { kind: 'restart', name: 'web/Deployment/web', state: 'refused', ok: false } as const;
    const text = statusText([report('home', [{ ...restart, secrets: ['web/app-env'], messages }])], [], OPTIONS);
    expect(text).toContain('! web/Deployment/web  refused');
    expect(text).toContain(`      for web/app-env\n      ${messages[0]}\n`);
  });

  test('of which nobody knows which one it is has its key, and what to do with it', () => {
    const { status, ...unknown } = report('home', []);
    const config = { digest: 'd', undecided: 2 };
    const key = 'age198vt56qytj9m4vt0w3pq6r3q4566lqskuwf6y4ra4mu7st0lz3es38j639';
    const text = statusText(
      [{ ...unknown, ...(status && { status: { ...status, publicKeys: [key], config } }) }],
      [],
      OPTIONS,
    );
    expect(text).toContain(`\
  ! 2 entries with \`clusters:\` rest: it is not known which cluster this is
      its key is ${key}: hikyaku recipients add NAME ${key}
`);
  });

  test.each([
    ['all', (one: ClusterReport) => statusText([one], [], OPTIONS)],
    ['one thing', (one: ClusterReport) => statusOneText([one], OPTIONS)],
  ])('whose config is refused says so, and why, where %s is asked for', (_, textOf) => {
    const { status, ...refused } = report('home', [homelab]);
    const config = { digest: 'd', problem: ['hikyaku.yaml:3 secrets: it has to be a list'], undecided: 1 };
    const text = textOf({ ...refused, ...(status && { status: { ...status, config } }) });
    expect(text).toContain(`\
  ! the config that is there is not in force; the last good one goes on:
      hikyaku.yaml:3 secrets: it has to be a list
  ! 1 entry with \`clusters:\` rests: it is not known which cluster this is
`);
  });

  test('whose clock is an hour ahead has the same ages', () => {
    const ahead = report('home', [{ ...homelab, goodAt: at(12 - 3_600) }], { aheadMs: 3_600_000 });
    expect(statusText([ahead], [], OPTIONS)).toContain('12 s ago');
  });
});

test('several clusters are one table; the same thing in each stands together', () => {
  const nowhere: ClusterReport = {
    cluster: 'lab',
    agent: 'hikyaku',
    aheadMs: 0,
    problem: 'lab has not answered in 5 s',
  };
  const text = statusText([report('home', [homelab]), report('cabin', [homelab]), nowhere], [], OPTIONS);
  expect(text).toBe(`\
home: agent hikyaku 1.0.0, started 3 d ago, config loaded 3 d ago
cabin: agent hikyaku 1.0.0, started 3 d ago, config loaded 3 d ago
! lab
    lab has not answered in 5 s

    CLUSTER  SOURCE   STATE  LAST CHANGE  LAST SUCCESS  NEXT RUN
  ✓ home     homelab  ok     2 h ago      12 s ago      in 48 s
  ✓ cabin    homelab  ok     2 h ago      12 s ago      in 48 s
`);
});

test('a change is a line; times that change by themselves are none', () => {
  const before = wordsOf([report('home', [homelab, held])]);
  const later = { ...homelab, goodAt: at(1), nextAt: at(-59) };
  expect(changeLines(before, wordsOf([report('home', [later, held])]), NOW)).toEqual([]);
  expect(changeLines(before, wordsOf([report('home', [nas])]), NOW)).toEqual([
    '2026-01-10T12:00:00.000Z home source nas: failing: nas refuses the token (401); seal a new one: hikyaku seal nas.token',
    '2026-01-10T12:00:00.000Z home source homelab: not there any more',
    '2026-01-10T12:00:00.000Z home secret web/db: not there any more',
  ]);
});
