import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const ARMOR = '-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\nLW5l\n-----END AGE ENCRYPTED FILE-----\n';

export interface Sample {
  readonly name: string;
  readonly text: string;
}

const EXAMPLES = join(import.meta.dirname, '../../../../examples');

/** Every config of `examples/`. */
export const examples: readonly Sample[] = readdirSync(EXAMPLES, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.yaml') && !/node_modules|file-source/.test(name))
  .toSorted()
  .map((name) => ({ name, text: readFileSync(join(EXAMPLES, name), 'utf8') }));

const BASE = `# yaml-language-server: $schema=./hikyaku.schema.json
version: 1

# Where things are.\tWith a tab.
providers:
  doppler: # mine
    type: doppler # of course
    # the token:
    token: { env: DOPPLER_TOKEN }  # why\tso
    project: "p"   # last
  # between
  nas:
    type: webhook
    url: 'https://nas.lan'
    headers:
      # a key
      X-Api-Key:
        env: NAS_KEY # from the vault
      X-Other: { file: ./other }


# What is made.
secrets:
  - { name: a, namespace: n, from: doppler } # one
  - { name: b, namespace: n, from: nas }
`;

const SEALED_BLOCK = `${ARMOR.trimEnd().replaceAll(/^/gm, '        ')}\n`;

function withToken(token: string): string {
  return BASE.replace('token: { env: DOPPLER_TOKEN }  # why\tso', token);
}

/** Files that a careless editor would damage. Each has \`providers.doppler\`. */
export const nasty: readonly Sample[] = [
  { name: 'plain', text: BASE },
  { name: 'CRLF', text: BASE.replaceAll('\n', '\r\n') },
  { name: 'a BOM', text: `\uFEFF${BASE}` },
  { name: 'a BOM and CRLF', text: `\uFEFF${BASE.replaceAll('\n', '\r\n')}` },
  { name: 'no last line break', text: BASE.trimEnd() },
  { name: 'CRLF without a last line break', text: BASE.trimEnd().replaceAll('\n', '\r\n') },
  { name: 'a directive and markers', text: `%YAML 1.2\n---\n${BASE}...\n# after\n` },
  { name: 'a marker first', text: `---\n${BASE}` },
  { name: 'four spaces', text: BASE.replaceAll(/^( +)/gm, '$1$1') },
  { name: 'one space', text: BASE.replaceAll(/^( +)/gm, (spaces) => ' '.repeat(spaces.length / 2)) },
  { name: 'an anchor elsewhere', text: `${BASE}x-more: &more { a: 1 }\nx-again: *more\n` },
  {
    name: 'recipients',
    text: `recipients:\n  home: age1aaa # here\n  # mine\n  me: { key: age1bbb, backup: true }\n${BASE}`,
  },
  {
    name: 'recipients in flow',
    text: `recipients: { home: age1aaa, me: { key: age1bbb, backup: true } } # all\n${BASE}`,
  },
  {
    name: 'recipients in flow on lines',
    text: `recipients: {\n  home: age1aaa, # here\n  me: { key: age1bbb, backup: true }, # mine\n}\n${BASE}`,
  },
  { name: 'recipients: {}', text: `recipients: {} # none\n${BASE}` },
  { name: 'recipients: nothing', text: `recipients: # none\n  # home: age1aaa\n${BASE}` },
  {
    name: 'everything in flow',
    text: `{ providers: { doppler: { type: doppler, token: { env: A } } }, secrets: [] }\n`,
  },
  { name: 'everything in JSON', text: `{"providers":{"doppler":{"type":"doppler","project":"p"}},"secrets":[]}` },
  {
    name: 'flow on lines',
    text: `providers: {\n  doppler: {\n    type: doppler, # a\n    project: p # b\n  }\n}\nsecrets: []\n`,
  },
  { name: 'a trailing comma', text: `providers:\n  doppler: { type: doppler, project: p, }\nsecrets: []\n` },
  { name: 'a source in one line', text: `providers:\n  doppler: { type: doppler }\nsecrets: []` },
  { name: 'a source at the end', text: `secrets: []\nproviders:\n  doppler:\n    type: doppler` },
  {
    name: 'quoted keys',
    text: `"providers":\n  'doppler':\n    "type": doppler\n    "token": {env: A}\nsecrets: []\n`,
  },
  {
    name: 'an explicit key',
    text: `providers:\n  ? doppler\n  : type: doppler\n    token: { env: A } # t\nsecrets: []\n`,
  },
  {
    name: 'spaces before colons',
    text: `providers :\n  doppler :\n    type : doppler\n    token : { env: A }\nsecrets : []\n`,
  },
  { name: 'no token', text: withToken('refresh: 5m') },
  { name: 'an empty token', text: withToken('token: # to come\n      # { env: A }') },
  { name: 'an empty token at the end', text: `secrets: []\nproviders:\n  doppler:\n    type: doppler\n    token:` },
  { name: 'a literal token', text: withToken('token: dp.st.abc # oh') },
  { name: 'a literal token on lines', text: withToken("token: 'dp.st\n      abc' # oh") },
  { name: 'a flow token on lines', text: withToken('token: {\n      env: A, # inner\n      } # outer') },
  { name: 'a flow token on the next line', text: withToken('token: # t\n      { env: A } # outer') },
  { name: 'a token as a block', text: withToken('token: # t\n      # before\n      env: A # a\n      # after') },
  { name: 'a deep token', text: withToken('token:\n      secretRef: # r\n        name: a\n        key: b # k') },
  { name: 'a literal block', text: withToken(`token:\n      sealed: | # sealed\n${SEALED_BLOCK}\n    # next`) },
  { name: 'a literal block, stripped', text: withToken(`token:\n      sealed: |-\n${SEALED_BLOCK}\n\n    # next`) },
  { name: 'a literal block, kept', text: withToken(`token:\n      sealed: |+\n${SEALED_BLOCK}\n\n    # next`) },
  { name: 'a literal block, indented by number', text: withToken(`token:\n      sealed: |2 # two\n${SEALED_BLOCK}`) },
  { name: 'a folded block', text: withToken(`token:\n      sealed: >- # folded\n${SEALED_BLOCK}    # next`) },
  { name: 'an empty block', text: withToken('token:\n      sealed: | # empty\n    # next') },
  {
    name: 'a sealed block, not bound',
    text: withToken(`token:\n      sealed: |\n${SEALED_BLOCK}      unbound: true # age`),
  },
  {
    name: 'a block at the end',
    text: `secrets: []\nproviders:\n  doppler:\n    type: doppler\n    token:\n      sealed: |\n${SEALED_BLOCK.trimEnd()}`,
  },
  { name: 'a quoted text', text: withToken(`token: { sealed: ${JSON.stringify(ARMOR)} } # quoted`) },
  { name: 'a quoted text in a block', text: withToken(`token:\n      sealed: ${JSON.stringify(ARMOR)} # quoted`) },
  {
    name: 'a quoted text on lines',
    text: withToken(`token:\n      sealed: "-----BEGIN AGE\n        x\\\n        y" # quoted`),
  },
  {
    name: 'one for each cluster',
    text: withToken(
      `token:\n      perCluster: # each\n        home:\n          sealed: |\n    ${SEALED_BLOCK.replaceAll('\n        ', '\n            ')}        # more\n`,
    ),
  },
  { name: 'one for each cluster, in flow', text: withToken(`token: { perCluster: { home: { sealed: "x" } } } # each`) },
];
