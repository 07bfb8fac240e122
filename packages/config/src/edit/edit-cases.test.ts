import { describe, expect, test } from 'vitest';
import { ConfigEditError } from './edit-error.ts';
import { ARMOR } from './edit.test.kit.ts';
import { fileHolding } from './file-holding.ts';
import { removeValue } from './remove-value.ts';
import { setValue } from './set-value.ts';
import type { EditValue } from './value-text.ts';

const TOKEN = ['providers', 'a', 'token'];
const SEALED = { sealed: '-----BEGIN\nYWdl\n-----END\n' };

describe('setValue', () => {
  test.each<[string, string, readonly string[], EditValue, string]>([
    [
      'a flow mapping becomes a block, and the comment behind it stays on its line',
      'providers:\n  a:\n    token: { env: A } # why\n    type: x\n',
      TOKEN,
      SEALED,
      'providers:\n  a:\n    token: # why\n      sealed: |\n        -----BEGIN\n        YWdl\n        -----END\n    type: x\n',
    ],
    [
      'a text alone is put where the old one stood, as deep as that',
      'providers:\n  a:\n    token:\n      sealed: >- # why\n         x\n         y\n\n    type: x\n',
      [...TOKEN, 'sealed'],
      SEALED.sealed,
      'providers:\n  a:\n    token:\n      sealed: | # why\n         -----BEGIN\n         YWdl\n         -----END\n\n    type: x\n',
    ],
    [
      'what is absent comes to the end of its mapping',
      'providers:\n    a:\n        type: x # t\n\n# next\nsecrets: []',
      TOKEN,
      SEALED,
      'providers:\n    a:\n        type: x # t\n        token:\n            sealed: |\n                -----BEGIN\n                YWdl\n                -----END\n\n# next\nsecrets: []',
    ],
    [
      'in a flow mapping it is a text in quotes',
      'providers: { a: { type: x } }\n',
      TOKEN,
      SEALED,
      'providers: { a: { type: x, token: { sealed: "-----BEGIN\\nYWdl\\n-----END\\n" } } }\n',
    ],
    [
      'no comment becomes a line of the text',
      'providers:\n  a:\n    token:\n            # deep\n    type: x\n',
      TOKEN,
      SEALED,
      'providers:\n  a:\n    token:\n      sealed: |\n             -----BEGIN\n             YWdl\n             -----END\n            # deep\n    type: x\n',
    ],
    [
      'one cluster of several',
      'providers:\n  a:\n    token:\n      perCluster:\n        home:\n          sealed: x\n',
      [...TOKEN, 'perCluster', 'cabin'],
      SEALED,
      'providers:\n  a:\n    token:\n      perCluster:\n        home:\n          sealed: x\n        cabin:\n          sealed: |\n            -----BEGIN\n            YWdl\n            -----END\n',
    ],
    [
      'the first recipient comes above the sources and their comment',
      '# head\nversion: 1\n\n# the sources\nproviders: {}\nsecrets: []\n',
      ['recipients', 'home'],
      'age1abc',
      '# head\nversion: 1\n\nrecipients:\n  home: age1abc\n# the sources\nproviders: {}\nsecrets: []\n',
    ],
    [
      'the head of a file stays its head',
      '# yaml-language-server: $schema=./x.json\nproviders: {}\n',
      ['recipients', 'home'],
      { key: 'age1abc', backup: true },
      '# yaml-language-server: $schema=./x.json\nrecipients:\n  home: { key: age1abc, backup: true }\nproviders: {}\n',
    ],
    [
      'another key of a recipient, with its words on lines',
      'recipients:\n  me:\n    key: age1abc # mine\n    backup: true # yes\n',
      ['recipients', 'me'],
      { key: 'age1def', backup: true },
      'recipients:\n  me:\n    key: age1def # mine\n    backup: true # yes\n',
    ],
    [
      'what stands there already',
      'recipients: {home: "age1abc"}\n',
      ['recipients', 'home'],
      'age1abc',
      'recipients: {home: "age1abc"}\n',
    ],
    [
      'what YAML takes for something else is quoted',
      'recipients: {}',
      ['recipients', 'true'],
      '1',
      'recipients: { "true": "1" }',
    ],
  ])('%s', (_, before, path, value, after) => {
    expect(setValue(before, path, value)).toBe(after);
  });

  test.each([
    ['nothing', '', 'the file is empty'],
    ['only comments', '# a\n', 'the file is empty'],
    ['a list', '- a\n', 'the file must hold a mapping'],
    ['two documents', 'a: 1\n---\nb: 1\n', 'the file cannot be read as one YAML document (line 2)'],
    ['what is no YAML', 'providers: {\n', 'the file cannot be read as one YAML document'],
    ['another source', 'providers: { b: {} }\n', 'there is no providers.a in this file'],
    ['a source twice', 'providers:\n  a: {}\n  a: {}\n', 'providers.a stands twice'],
    ['a source that is a text', 'providers: { a: x }\n', 'providers.a is no mapping'],
    ['an alias on the way', 'x: &x { token: b }\nproviders: { a: *x }\n', 'providers.a is a YAML alias: write it out'],
    [
      'an anchor',
      'providers: { a: { token: &x { env: A } } }\nx: *x\n',
      'providers.a.token has a YAML anchor or tag: take it away',
    ],
    [
      'a tag',
      'providers: { a: { token: !x { env: A } } }\n',
      'providers.a.token has a YAML anchor or tag: take it away',
    ],
    [
      'an anchor within',
      'providers: { a: { token: { env: &x A } } }\nx: *x\n',
      'the file cannot be changed in place without a change of something else',
    ],
  ])('%s cannot be changed in place, and the error says why', (_, text, message) => {
    expect(() => setValue(text, TOKEN, SEALED)).toThrow(ConfigEditError);
    expect(() => setValue(text, TOKEN, SEALED)).toThrow(message);
  });
});

describe('removeValue', () => {
  test.each([
    ['its lines go', 'recipients:\n  # h\n  home: age1a # x\n  cabin: age1b\n', 'recipients:\n  # h\n  cabin: age1b\n'],
    [
      'the last one leaves an empty mapping',
      'recipients: # all\n  home:\n    key: age1a\nx: 1\n',
      'recipients: {} # all\nx: 1\n',
    ],
    ['the first of a flow mapping', 'recipients: { home: age1a, cabin: age1b }', 'recipients: { cabin: age1b }'],
    ['the last of a flow mapping', 'recipients: { cabin: age1b, home: age1a }', 'recipients: { cabin: age1b }'],
    ['the only one of a flow mapping', 'recipients: { home: age1a }', 'recipients: { }'],
    [
      'with a comma behind it',
      'recipients: {\n  cabin: age1b, # c\n  home: age1a, # h\n}\n',
      'recipients: {\n  cabin: age1b, # c\n # h\n}\n',
    ],
    [
      'with a comma on the line before',
      'recipients: {\n  cabin: age1b, # c\n  home: age1a # h\n}\n',
      'recipients: {\n  cabin: age1b # c\n # h\n}\n',
    ],
    [
      'at the end without a line break',
      'recipients:\r\n  cabin: age1b\r\n  home: age1a',
      'recipients:\r\n  cabin: age1b\r\n',
    ],
  ])('%s', (_, before, after) => {
    expect(removeValue(before, ['recipients', 'home'])).toBe(after);
  });

  test('what is not there cannot be removed', () => {
    expect(() => removeValue('recipients: {}\n', ['recipients', 'home'])).toThrow(
      'there is no recipients.home in this file',
    );
  });
});

describe('fileHolding', () => {
  const files = [
    { path: 'secrets.yaml', text: 'secrets: []\n' },
    { path: 'b.yaml', text: 'providers: { b: { type: x } }\n' },
    { path: 'a.yaml', text: 'providers:\n  a: { type: x }\n' },
  ];

  test.each([
    [['providers', 'a', 'token'], 'a.yaml'],
    [['providers', 'b', 'headers', 'X'], 'b.yaml'],
    [['recipients', 'home'], 'b.yaml'],
  ])('%j belongs to %s', (path, expected) => {
    expect(fileHolding(files, path)?.path).toBe(expected);
  });

  test('a recipient belongs to its file, and a new one to where others are', () => {
    const more = [
      ...files,
      { path: 'r.yaml', text: 'recipients: { me: x }\n' },
      { path: 's.yaml', text: 'recipients: { home: x }\n' },
    ];
    expect(fileHolding(more, ['recipients', 'home'])?.path).toBe('s.yaml');
    expect(fileHolding(more, ['recipients', 'new'])?.path).toBe('r.yaml');
    expect(setValue('recipients: { me: x }\n', ['recipients', 'new'], ARMOR)).toContain('new: "-----BEGIN');
  });
});
