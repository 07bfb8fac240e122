import { ProviderError } from '@hikyaku/core';
import type { Snapshot } from '@hikyaku/core';
import { describe, expect, test } from 'vitest';
import { everything, item, secret, snapshot, spec, textsOf } from './engine.test.kit.ts';
import type { SpecOptions } from './engine.test.kit.ts';
import { render, sourcesOf } from './render.ts';
import type { Rendered } from './render.ts';

function renderOf(options: SpecOptions, sources: Readonly<Record<string, Snapshot>>): Rendered {
  return render(spec('web/app', options), new Map(Object.entries(sources)));
}

function codesOf({ problems = [] }: Rendered): readonly string[] {
  return problems.map(({ code }) => code);
}

function messagesOf({ problems = [] }: Rendered): readonly string[] {
  return problems.map(({ message }) => message);
}

describe('bulk items', () => {
  const homelab = snapshot({ DB_USER: 'u', DB_OLD: 'o', API_KEY: 'k' });

  test.each<[what: string, item: Parameters<typeof everything>[1], keys: readonly string[]]>([
    ['everything', {}, ['API_KEY', 'DB_OLD', 'DB_USER']],
    ['a glob', { include: ['DB_*'] }, ['DB_OLD', 'DB_USER']],
    ['a glob less another', { include: ['DB_*'], exclude: ['DB_OLD'] }, ['DB_USER']],
    ['everything less a glob', { exclude: ['DB_*'] }, ['API_KEY']],
    ['two globs that meet', { include: ['DB_*', '*_USER'] }, ['DB_OLD', 'DB_USER']],
    ['a glob that matches nothing', { include: ['X_*'] }, []],
    [
      'a new name around what the star matched',
      { include: ['DB_*'], as: 'database-*' },
      ['database-OLD', 'database-USER'],
    ],
    ['a star that matched nothing', { include: ['API_KEY*'], as: 'x*' }, ['x']],
    ['a transform', { include: ['DB_*'], transform: 'lower-kebab' }, ['db-old', 'db-user']],
  ])('%s', (_, more, keys) => {
    expect(Object.keys(textsOf(renderOf({ bulk: [everything('homelab', more)] }, { homelab })) ?? {})).toEqual(keys);
  });

  test('keys come in order, whatever the order at the source', () => {
    const { desired } = renderOf({ bulk: [everything('homelab')] }, { homelab: snapshot({ b: '', a: '', B: '' }) });
    expect([...(desired?.data.keys() ?? [])]).toEqual(['B', 'a', 'b']);
  });

  test('pinned versions that somebody else asked for are not part of everything', () => {
    const homelabPinned = snapshot({ A: '2', 'A\u00001': '1' });
    expect(textsOf(renderOf({ bulk: [everything('homelab')] }, { homelab: homelabPinned }))).toEqual({ A: '2' });
  });

  test('a secret that could not be read and would be selected is a problem; another is not', () => {
    const unknown = new Map([['DB_USER', new ProviderError('UNAVAILABLE', 'the service is down')]]);
    const partial = snapshot({ API_KEY: 'k' }, { unknown });
    const selected = renderOf({ bulk: [everything('homelab')] }, { homelab: partial });
    expect(messagesOf(selected)).toEqual(['DB_USER of homelab: the service is down']);
    expect(codesOf(selected)).toEqual(['KEY_UNKNOWN']);
    expect(textsOf(renderOf({ bulk: [everything('homelab', { include: ['API_*'] })] }, { homelab: partial }))).toEqual({
      API_KEY: 'k',
    });
  });
});

describe('names that are no key of a Secret', () => {
  test.each(['a/b', 'a b', '', '..', '..a', '.', 'ä', 'a\n', 'x'.repeat(254)])(
    '%j is a problem when strict',
    (name) => {
      const result = renderOf({ bulk: [everything('homelab')] }, { homelab: snapshot({ [name]: 'v' }) });
      expect(codesOf(result)).toEqual(['INVALID_KEY']);
      expect(messagesOf(result)[0]).toContain(JSON.stringify(name));
    },
  );

  test.each(['a', 'A-b.c_1', '.a', 'a..', '__proto__', 'x'.repeat(253)])('%j is a key', (name) => {
    const homelab: Snapshot = { secrets: new Map([[name, secret('v')]]) };
    const { desired } = renderOf({ bulk: [everything('homelab')] }, { homelab });
    expect([...(desired?.data.keys() ?? [])]).toEqual([name]);
  });

  test('underscore makes them keys', () => {
    const homelab = snapshot({ 'tls/ca.crt': '1', 'a b': '2' });
    expect(textsOf(renderOf({ bulk: [everything('homelab')], keyNames: 'underscore' }, { homelab }))).toEqual({
      'tls_ca.crt': '1',
      a_b: '2',
    });
  });

  test('two names that underscore makes one are a problem that names both', () => {
    const homelab = snapshot({ 'a b': '1', 'a/b': '2' });
    const result = renderOf({ bulk: [everything('homelab')], keyNames: 'underscore' }, { homelab });
    expect(messagesOf(result)).toEqual([
      'two values for the key a_b: homelab: a b and homelab: a/b; exclude one with "!"',
    ]);
  });

  test.each(['', '..', '.'])('underscore cannot save %j', (name) => {
    const result = renderOf(
      { bulk: [everything('homelab')], keyNames: 'underscore' },
      { homelab: snapshot({ [name]: 'v' }) },
    );
    expect(codesOf(result)).toEqual(['INVALID_KEY']);
  });
});

describe('items', () => {
  test('a secret under another key', () => {
    const result = renderOf(
      { items: { password: item('homelab', 'DB_PASSWORD') } },
      { homelab: snapshot({ DB_PASSWORD: 'p' }) },
    );
    expect(textsOf(result)).toEqual({ password: 'p' });
    expect(result.desired?.data.get('password')?.source).toBe('homelab');
  });

  test('a pinned version', () => {
    const homelab = snapshot({ A: 'latest', 'A\u00003': 'three' });
    expect(textsOf(renderOf({ items: { a: item('homelab', 'A', { version: '3' }) } }, { homelab }))).toEqual({
      a: 'three',
    });
    const missing = renderOf({ items: { a: item('homelab', 'A', { version: '9' }) } }, { homelab });
    expect(messagesOf(missing)).toEqual([
      'homelab has no A (version 9), wanted as a; add it there, or set `optional: true`',
    ]);
  });

  test.each<[string, Parameters<typeof item>[2], value: string, expected: string]>([
    ['property', { property: 'a.b' }, '{"a":{"b":"x"}}', 'x'],
    ['decode', { decode: 'base64' }, 'aGk=', 'hi'],
    ['decode without padding', { decode: 'base64' }, 'aGk', 'hi'],
    ['decode over lines', { decode: 'base64' }, 'aG\n k=\n', 'hi'],
    ['decode base64url', { decode: 'base64url' }, '8J-YgA', '😀'],
    ['decode nothing', { decode: 'base64' }, '', ''],
    ['property, then decode', { property: 'ca', decode: 'base64' }, '{"ca":"aGk="}', 'hi'],
  ])('%s', (_, more, value, expected) => {
    const result = renderOf({ items: { k: item('homelab', 'A', more) } }, { homelab: snapshot({ A: value }) });
    expect(textsOf(result)).toEqual({ k: expected });
  });

  test('decoded bytes need not be text', () => {
    const homelab = snapshot({ A: '/w==' });
    const { desired } = renderOf({ items: { k: item('homelab', 'A', { decode: 'base64' }) } }, { homelab });
    expect([...(desired?.data.get('k')?.value.reveal() ?? [])]).toEqual([0xff]);
  });

  test.each<[string, Parameters<typeof item>[2], value: string | Uint8Array, code: string, message: string]>([
    ['not JSON', { property: 'a' }, 'hunter2', 'INVALID_VALUE', 'A of homelab is not JSON, wanted as k'],
    [
      'JSON of binary',
      { property: 'a' },
      Uint8Array.of(0xff),
      'INVALID_VALUE',
      'A of homelab is not text, wanted as k',
    ],
    ['null', { property: 'a' }, '{"a":null}', 'INVALID_VALUE', 'A of homelab has null at a, wanted as k'],
    ['no property', { property: 'a' }, '{}', 'KEY_ABSENT', 'A of homelab has no property a, wanted as k'],
    ['not base64', { decode: 'base64' }, 'hunter2!', 'INVALID_VALUE', 'A of homelab is not base64, wanted as k'],
    ['cut off base64', { decode: 'base64' }, 'aGkxx', 'INVALID_VALUE', 'A of homelab is not base64, wanted as k'],
    ['padding inside', { decode: 'base64' }, 'aG=k', 'INVALID_VALUE', 'A of homelab is not base64, wanted as k'],
    ['the other alphabet', { decode: 'base64' }, '8J-YgA', 'INVALID_VALUE', 'A of homelab is not base64, wanted as k'],
    [
      'base64 of binary',
      { decode: 'base64url' },
      Uint8Array.of(0xff),
      'INVALID_VALUE',
      'A of homelab is not base64url, wanted as k',
    ],
  ])('%s is a problem that does not quote the value', (_, more, value, code, message) => {
    const result = renderOf({ items: { k: item('homelab', 'A', more) } }, { homelab: snapshot({ A: value }) });
    expect(result.problems).toEqual([{ code, source: 'homelab', key: 'k', message: expect.stringMatching(message) }]);
    expect(messagesOf(result).join()).not.toContain('hunter2');
  });

  test('an optional one that is absent is left out, with its property too', () => {
    const homelab = snapshot({ JSON: '{}' });
    const items = {
      a: item('homelab', 'A', { optional: true }),
      b: item('homelab', 'JSON', { optional: true, property: 'b' }),
      c: item('homelab', 'JSON'),
    };
    expect(textsOf(renderOf({ items }, { homelab }))).toEqual({ c: '{}' });
  });

  test('an optional one that could not be read is no absent one', () => {
    const homelab = snapshot({}, { unknown: new Map([['A', new ProviderError('UNAVAILABLE', 'it is down')]]) });
    const result = renderOf({ items: { a: item('homelab', 'A', { optional: true }) } }, { homelab });
    expect(codesOf(result)).toEqual(['KEY_UNKNOWN']);
  });

  test('one that is still to be read is told from one that failed', () => {
    const homelab = snapshot({}, { unknown: new Map([['A', new ProviderError('PENDING', 'more is coming')]]) });
    expect(codesOf(renderOf({ items: { a: item('homelab', 'A') } }, { homelab }))).toEqual(['KEY_PENDING']);
  });

  test('null at an optional property is still a problem', () => {
    const homelab = snapshot({ A: '{"a":null}' });
    const result = renderOf({ items: { a: item('homelab', 'A', { optional: true, property: 'a' }) } }, { homelab });
    expect(codesOf(result)).toEqual(['INVALID_VALUE']);
  });
});

describe('several sources', () => {
  test('one Secret of two', () => {
    const result = renderOf(
      { bulk: [everything('homelab'), everything('nas', { as: 'nas-*' })], items: { x: item('nas', 'T') } },
      { homelab: snapshot({ A: '1' }), nas: snapshot({ T: '2' }) },
    );
    expect(textsOf(result)).toEqual({ A: '1', 'nas-T': '2', x: '2' });
  });

  test('a source that is unread stops it, and each is named once', () => {
    const options = { bulk: [everything('homelab'), everything('nas')], items: { x: item('nas', 'T') } };
    expect(messagesOf(renderOf(options, { homelab: snapshot({ A: '1' }) }))).toEqual(['nas has not been read yet']);
    expect(codesOf(renderOf(options, {}))).toEqual(['SOURCE_UNREAD', 'SOURCE_UNREAD']);
  });

  test('sourcesOf names each once', () => {
    const both = spec('web/app', {
      bulk: [everything('a'), everything('a')],
      items: { x: item('b', 'X'), y: item('a', 'Y') },
    });
    expect([...sourcesOf(both)]).toEqual(['a', 'b']);
  });
});

describe('one key twice', () => {
  test('two values are a problem, whatever the order', () => {
    const sources = { homelab: snapshot({ A: '1' }), nas: snapshot({ A: '1' }) };
    const result = renderOf({ bulk: [everything('homelab'), everything('nas')] }, sources);
    expect(messagesOf(result)).toEqual(['two values for the key A: homelab: A and nas: A; exclude one with "!"']);
  });

  test('the same secret twice is one value', () => {
    const result = renderOf(
      { bulk: [everything('homelab'), everything('homelab', { include: ['A'] })], items: { A: item('homelab', 'A') } },
      { homelab: snapshot({ A: '1' }) },
    );
    expect(textsOf(result)).toEqual({ A: '1' });
  });

  test.each<[string, Parameters<typeof item>[2]]>([
    ['a property of it', { property: 'a' }],
    ['what it decodes to', { decode: 'base64' }],
    ['another version of it', { version: '1' }],
  ])('a secret and %s are two values', (_, more) => {
    const homelab = snapshot({ A: more?.property === undefined ? 'aGk=' : '{"a":"x"}', 'A\u00001': 'old' });
    const result = renderOf({ bulk: [everything('homelab')], items: { A: item('homelab', 'A', more) } }, { homelab });
    expect(codesOf(result)).toEqual(['TWO_VALUES']);
  });

  test('two secrets that a fixed name makes one are two values', () => {
    const result = renderOf(
      { bulk: [everything('homelab', { as: 'same' })] },
      { homelab: snapshot({ A: '1', B: '2' }) },
    );
    expect(codesOf(result)).toEqual(['TWO_VALUES']);
  });
});

describe('size', () => {
  const MOST = 1_048_576;

  test('exactly as much as a Secret holds is fine', () => {
    const homelab = snapshot({ A: 'x'.repeat(MOST - 1), B: 'y' });
    expect(renderOf({ bulk: [everything('homelab')] }, { homelab }).desired).toBeDefined();
  });

  test('one byte more is a problem; bytes count, not characters', () => {
    const homelab = snapshot({ A: 'x'.repeat(MOST - 1), B: 'é' });
    expect(renderOf({ bulk: [everything('homelab')] }, { homelab }).problems).toEqual([
      { code: 'TOO_LARGE', message: '1048577 bytes of data; a Secret holds at most 1048576: split it into several' },
    ]);
  });
});

describe('values', () => {
  test('an empty value is a value', () => {
    const homelab = snapshot({ A: '', J: '{"e":""}' });
    const items = { a: item('homelab', 'A'), e: item('homelab', 'J', { property: 'e' }) };
    expect(textsOf(renderOf({ items }, { homelab }))).toEqual({ a: '', e: '' });
  });

  test('bytes come through as they are', () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    const { desired } = renderOf({ bulk: [everything('homelab')] }, { homelab: snapshot({ A: bytes }) });
    expect([...(desired?.data.get('A')?.value.reveal() ?? [])]).toEqual([...bytes]);
  });
});

test('all problems come at once', () => {
  const homelab = snapshot({ 'a/b': '1', J: 'no' });
  const items = { x: item('homelab', 'GONE'), y: item('homelab', 'J', { property: 'p' }), z: item('nas', 'Z') };
  expect(codesOf(renderOf({ bulk: [everything('homelab')], items }, { homelab }))).toEqual([
    'SOURCE_UNREAD',
    'INVALID_KEY',
    'KEY_ABSENT',
    'INVALID_VALUE',
  ]);
});

test('what the spec says of the Secret is carried over', () => {
  const options = {
    type: 'example.com/x',
    labels: { a: 'b' },
    annotations: { c: 'd' },
    immutable: true,
    recreate: true,
  };
  const { desired } = renderOf(options, {});
  expect(desired).toMatchObject({ id: 'web/app', namespace: 'web', name: 'app', ...options });
});
