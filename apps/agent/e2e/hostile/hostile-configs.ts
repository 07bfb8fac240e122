import { hostname } from 'node:os';
import { stringify } from 'yaml';

/** What stands around the config. */
export interface Surroundings {
  /** A file outside of the config's folder, whose content must not be seen; a plug-in lies beside it, and in the folder. */
  readonly outside: string;
  /** Where a server listens that is granted; `/redirect` leads to the canary. */
  readonly granted: string;
  /** The port of one that is not, on every address of this machine. */
  readonly canaryPort: number;
  /** A command that leaves a trace. */
  readonly command: readonly string[];
  readonly apiServer: string;
  readonly apiServerCa: string;
}

export interface HostileConfig {
  readonly title: string;
  /** The text of the config file. */
  readonly text: string;
  /** Beside it, by relative path: a text, or where a link leads. */
  readonly files?: Readonly<Record<string, string | { readonly link: string }>>;
  /** `open`: no origins are granted, so that all may be reached but what surrounds the agent. */
  readonly grants?: 'open';
  /** What it is told. */
  readonly says: RegExp;
}

const evil = (trace: string): string =>
  `import { writeFileSync } from 'node:fs';\nwriteFileSync(${JSON.stringify(trace)}, '');\nexport default {};\n`;

/** More than forty configs of somebody who may write the config and nothing else. */
export function hostileConfigs(world: Surroundings, trace: string): readonly HostileConfig[] {
  return [
    ...plugIns(trace),
    ...files(world),
    ...ownObjects(world),
    ...kubeconfigs(world),
    ...hanging(world),
    ...origins(world),
  ];
}

function plugIns(trace: string): readonly HostileConfig[] {
  const code = evil(trace);
  const named = (title: string, type: string, says: RegExp, more: HostileConfig['files'] = {}): HostileConfig => ({
    title,
    text: config({ type }),
    files: { 'evil.mjs': code, ...more },
    says,
  });
  return [
    named('a plug-in beside the config', './evil.mjs', /is not loaded: in a pod only plug-ins run that are granted/),
    named('a plug-in by an absolute path', `${trace}.evil.mjs`, /is not loaded|there is no file/),
    named('a plug-in above the config', '../outside/evil.mjs', /is not loaded/),
    named('a plug-in through a link', './link.mjs', /is not loaded/, { 'link.mjs': { link: 'evil.mjs' } }),
    named('an npm package', 'evil-package', /is neither a built-in provider nor/, {
      'node_modules/evil-package/package.json': '{ "name": "evil-package", "type": "module", "exports": "./index.js" }',
      'node_modules/evil-package/index.js': code,
    }),
    named('code in the type itself', `data:text/javascript,${encodeURIComponent(code)}`, /is neither a built-in/),
    named('a file url', `file://${trace}.evil.mjs`, /is neither a built-in/),
    named('a module of Node', 'node:child_process', /is neither a built-in/),
    named('a word that every object has', 'constructor', /is neither a built-in|unknown provider/),
    named('the prototype', '__proto__', /is neither a built-in|unknown provider/),
    named('a granted plug-in whose file is another one', 'granted', /is not the file that is granted/, {
      'granted.mjs': code,
    }),
    named('a granted plug-in that is a link to another file', 'granted', /is not the file that is granted/, {
      'granted.mjs': { link: 'evil.mjs' },
    }),
    named('a granted plug-in whose name is written as a path', './granted.mjs', /is not loaded/, {
      'granted.mjs': code,
    }),
  ];
}

function files({ outside, granted }: Surroundings): readonly HostileConfig[] {
  const path = (title: string, where: string, more: Partial<HostileConfig> = {}): HostileConfig => ({
    title,
    text: config({ type: 'file', path: where }),
    says: /outside of|belongs to the agent itself or to the system/,
    ...more,
  });
  const token = (title: string, where: string, more: Partial<HostileConfig> = {}): HostileConfig => ({
    title,
    text: config({
      type: 'webhook',
      url: granted,
      token: { file: where },
      read: { url: '/${name}', result: '$.value' },
    }),
    says: /may not be read: in a pod a config names files below/,
    ...more,
  });
  return [
    path('a file above the config', '../outside/secret.env'),
    path('a file by an absolute path', outside),
    path('a file by a winding path', './a/../b/../../outside/secret.env'),
    path('a link to a file outside', 'link.env', { files: { 'link.env': { link: outside } } }),
    path('a link to a directory outside', 'link/secret.env', { files: { link: { link: '../outside' } } }),
    path('a link to a link', 'a.env', {
      files: { 'a.env': { link: 'b.env' }, 'b.env': { link: outside } },
    }),
    path('a directory with a link in it', 'd', { files: { 'd/b': { link: outside } } }),
    path('the environment of the agent', '/proc/self/environ'),
    path('the environment of the agent through a link', 'env.env', {
      files: { 'env.env': { link: '/proc/self/environ' } },
    }),
    path('a file without an end', '/dev/zero'),
    path('the file system', '/'),
    path('the token of the pod', '/var/run/secrets/kubernetes.io/serviceaccount/token'),
    token('a credential outside, sent to a server that is granted', outside),
    token('a credential through a link', 'token', { files: { token: { link: outside } } }),
    token('the environment as a credential', '/proc/self/environ'),
    token('a credential without an end', '/dev/zero'),
    {
      title: 'certificates outside',
      text: config({ type: 'doppler', project: 'a', config: 'b', url: granted, ca: outside }),
      says: /may not be read: in a pod a config names files below/,
    },
    {
      title: 'certificates without an end',
      text: config({ type: 'doppler', project: 'a', config: 'b', url: granted, ca: '/dev/zero' }),
      says: /may not be read: in a pod a config names files below/,
    },
  ];
}

function ownObjects({ granted }: Surroundings): readonly HostileConfig[] {
  const webhook = { type: 'webhook', url: granted, read: { url: '/${name}', result: '$.value' } };
  const ownKey = (title: string, secretRef: object): HostileConfig => ({
    title,
    text: config({ ...webhook, token: { secretRef } }),
    says: /is the agent's own and no credential/,
  });
  const target = (title: string, entry: object, says: RegExp): HostileConfig => ({
    title,
    text: config(webhook, entry),
    says,
  });
  return [
    target("the agent's own namespace as the target", { namespace: 'hikyaku' }, /the namespace of the agent itself/),
    ownKey("the key of the agent's inventory as a credential", { name: 'hikyaku-inventory-key', key: 'key' }),
    ownKey("the agent's last good data as a credential", {
      name: 'hikyaku-snapshot-0',
      key: 'x',
      namespace: 'hikyaku',
    }),
    {
      title: "the agent's own namespace as a source",
      text: config({ type: 'kubernetes', namespace: 'hikyaku' }),
      says: /can be no source/,
    },
    {
      title: "somebody else's Secret as a source, without a Role of its owner",
      text: config({ type: 'kubernetes', namespace: 'web' }, { data: { a: 'victim/password' } }),
      says: /may not|right/,
    },
    {
      title: "somebody else's Secret as a credential",
      text: config({ ...webhook, token: { secretRef: { name: 'victim', key: 'password', namespace: 'web' } } }),
      says: /this account may not read/,
    },
    {
      title: "somebody else's Secret pushed to a server that is granted",
      text: stringify({
        providers: { s: { ...webhook, write: { url: '/${name}', body: { value: '${value}' } } } },
        secrets: [],
        pushes: [{ from: { namespace: 'web', secret: 'victim' }, to: 's' }],
      }),
      says: /not granted|may not be carried|PUSH_NOT_GRANTED/,
    },
    target('a namespace of the system', { namespace: 'kube-system' }, /is reserved/),
    target('a Secret of somebody else', { name: 'victim' }, /exists and is not ours/),
    target('a token of a ServiceAccount', { type: 'kubernetes.io/service-account-token' }, /is refused/),
    target('the label of another agent', { labels: { 'hikyaku.dev/agent': 'other' } }, /is set by hikyaku itself/),
    target(
      'a label that another controller takes for an order',
      { labels: { 'argocd.argoproj.io/secret-type': 'cluster' } },
      /may not be set/,
    ),
  ];
}

function kubeconfigs({ apiServer, apiServerCa, command, canaryPort, outside }: Surroundings): readonly HostileConfig[] {
  const [program, ...args] = command;
  const kubeconfig = (title: string, user: object, says: RegExp, cluster: object = {}): HostileConfig => ({
    title,
    text: config({ type: 'kubernetes', server: apiServer, namespace: 'web', kubeconfig: { file: 'kubeconfig' } }),
    files: {
      kubeconfig: stringify({
        clusters: [
          { name: 'c', cluster: { server: apiServer, 'certificate-authority-data': apiServerCa, ...cluster } },
        ],
        users: [{ name: 'u', user }],
        contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
        'current-context': 'x',
      }),
    },
    says,
  });
  return [
    kubeconfig(
      'a kubeconfig that runs a program',
      { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: program, args, interactiveMode: 'Never' } },
      /is refused: it runs a program/,
    ),
    kubeconfig(
      'a kubeconfig with a plug-in for logins',
      { 'auth-provider': { name: 'gcp', config: { 'cmd-path': program, 'cmd-args': args.join(' ') } } },
      /is refused: it runs a plug-in/,
    ),
    kubeconfig('a kubeconfig whose token is a file', { tokenFile: outside }, /is refused: it names a file/),
    kubeconfig('a kubeconfig that leads elsewhere', { token: 'x' }, /but the kubeconfig says/, {
      server: `https://127.0.0.1:${canaryPort}`,
    }),
    kubeconfig('a kubeconfig with a proxy', { token: 'x' }, /is refused: it sends requests elsewhere/, {
      'proxy-url': `http://127.0.0.1:${canaryPort}`,
    }),
  ];
}

function hanging({ granted }: Surroundings): readonly HostileConfig[] {
  const webhook = { type: 'webhook', url: granted };
  const deep = (depth: number): string => '['.repeat(depth);
  const bomb = Array.from({ length: 24 }, (_, index) =>
    index === 0 ? 'a0: &a0 [x]' : `a${index}: &a${index} [*a${index - 1}, *a${index - 1}]`,
  );
  const keys = Object.fromEntries(
    Array.from({ length: 50 }, (_, index) => [`keys/${'a'.repeat(200)}${index}`, 'value']),
  );
  return [
    {
      title: 'globs with many stars over long names',
      text: config({ type: 'file', path: 'keys' }, { dataFrom: [{ keys: `${'*a'.repeat(60)}*b` }], data: undefined }),
      files: keys,
      says: /nothing is selected/,
    },
    { title: 'YAML that multiplies itself', text: bomb.join('\n'), says: /aliases .* are not supported/ },
    { title: 'YAML nested without end', text: `secrets: ${deep(50_000)}`, says: /nested too deeply|not closed/ },
    { title: 'a file of many megabytes', text: `# ${'x'.repeat(4_000_000)}`, says: /larger than 1 MiB/ },
    {
      title: 'a long property',
      text: config(
        { ...webhook, read: { url: '/${name}', result: '$.value' } },
        { data: { a: { key: 'b', property: Array.from({ length: 20_000 }, () => 'a').join('.') } } },
      ),
      says: /a\.a\.a|property|JSON/,
    },
    {
      title: 'a result that is looked for without end',
      text: config({ ...webhook, read: { url: '/${name}', result: `$${'..*'.repeat(40)}` } }),
      says: /result/,
    },
    {
      title: 'a result with a regular expression that backtracks',
      text: config({ ...webhook, read: { url: '/${name}', result: '$[?(@.a =~ /^(a+)+$/)]' } }),
      says: /result/,
    },
    {
      title: 'a template of templates',
      text: config({ ...webhook, read: { url: `/${'${'.repeat(5_000)}name${'}'.repeat(5_000)}`, result: '$.value' } }),
      says: /url/,
    },
    {
      title: 'many names alike',
      text: `providers: { ${Array.from({ length: 3_000 }, (_, index) => `s${index}x: { type: dopple${index} }`).join(', ')} }\nsecrets: []`,
      says: /unknown provider type|neither a built-in/,
    },
  ];
}

function origins({ granted, canaryPort }: Surroundings): readonly HostileConfig[] {
  const grantedHost = new URL(granted).host;
  const to = (title: string, url: string, grants?: 'open'): HostileConfig => ({
    title: `${title} (${grants ?? 'limited'})`,
    text: config({ type: 'webhook', url, allowPlainHttp: true, read: { url: '/${name}', result: '$.value' } }),
    ...(grants && { grants }),
    says: /may not be reached|was refused|must have no user|must be an address|must be a path|ENOTFOUND|EAI_AGAIN/,
  });
  const addresses: Readonly<Record<string, string>> = {
    'this machine': `http://127.0.0.1:${canaryPort}`,
    'this machine by another of its addresses': `http://127.9.9.9:${canaryPort}`,
    'this machine by IPv6': `http://[::1]:${canaryPort}`,
    'this machine by IPv4 written as IPv6': `http://[::ffff:127.0.0.1]:${canaryPort}`,
    'this machine by a number': `http://2130706433:${canaryPort}`,
    'this machine in octal and hexadecimal': `http://0177.0x0.1:${canaryPort}`,
    'this machine by its short form': `http://127.1:${canaryPort}`,
    'no address in particular': `http://0.0.0.0:${canaryPort}`,
    localhost: `http://LOCALHOST:${canaryPort}`,
    'a name under localhost': `http://a.localhost:${canaryPort}`,
  };
  return [
    ...Object.entries(addresses).flatMap(([title, url]) => [to(title, url), to(title, url, 'open')]),
    to('the name of this machine', `http://${hostname()}:${canaryPort}`),
    to('a user that looks like what is granted', `http://${grantedHost}@127.0.0.1:${canaryPort}`),
    to('a path that looks like another host', `${granted}\\@127.0.0.1:${canaryPort}`),
    to('what is granted with another port behind it', `${granted}@127.0.0.1:${canaryPort}`),
    to('the credentials of the machine in a cloud', 'http://169.254.169.254', 'open'),
    to('the API server by its name', 'https://kubernetes.default.svc', 'open'),
    to('the API server by its address', 'https://192.0.2.1', 'open'),
    {
      ...to('a redirect to what is not granted', granted),
      text: config({
        type: 'webhook',
        url: granted,
        read: { url: '/redirect/${name}', result: '$.value' },
      }),
      says: /redirect|302|may only reach/,
    },
    {
      ...to('a path that looks like another host, in an operation', granted),
      text: config({
        type: 'webhook',
        url: granted,
        read: { url: `//127.0.0.1:${canaryPort}/\${name}`, result: '$.value' },
      }),
      says: /url/,
    },
    {
      ...to('a name of a secret that looks like a host', granted),
      text: config(
        { type: 'webhook', url: granted, read: { url: '/missing/${name}', result: '$.value' } },
        { data: { a: `../..//127.0.0.1:${canaryPort}/x`, b: `@127.0.0.1:${canaryPort}` } },
      ),
      says: /./,
    },
    {
      ...to('a token endpoint that is not granted', granted),
      text: config({
        type: 'webhook',
        url: granted,
        oauth: {
          tokenUrl: `http://127.0.0.1:${canaryPort}/token`,
          clientId: 'a',
          clientSecret: { env: 'CLIENT_SECRET' },
        },
        read: { url: '/${name}', result: '$.value' },
      }),
      says: /may not be reached|was refused|is not bound to a destination/,
    },
    {
      ...to('Doppler elsewhere', granted),
      text: config({ type: 'doppler', project: 'a', config: 'b', url: `http://127.0.0.1:${canaryPort}` }),
      says: /may not be reached|was refused|is not bound to a destination/,
    },
  ];
}

/** One source, and one Secret of it. */
function config(source: object, entry: object = {}): string {
  return stringify({
    providers: { s: source },
    secrets: [{ name: 'hostile', namespace: 'web', from: 's', data: { a: 'b' }, ...entry }],
  });
}
