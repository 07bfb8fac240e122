import { InvalidArgumentError, Option } from 'commander';
import type { ListenAddress } from './daemon/http-server.ts';
import { DEFAULT_NAMESPACE, LOG_LEVELS } from './global-options.ts';

/** Of every command; they may stand before it or after it. */
export function globalOptions(): readonly Option[] {
  return [
    new Option('-c, --config <path>', 'config file, or a directory of them').default('hikyaku.yaml'),
    new Option('--context <name>', 'kubeconfig context'),
    new Option('--kubeconfig <path>', 'kubeconfig file'),
    new Option('-n, --namespace <name>', `the agent's own namespace (in a pod: its own, else ${DEFAULT_NAMESPACE})`),
    new Option('--log-level <level>', 'how much is logged').choices(LOG_LEVELS),
    new Option('--json', 'JSON instead of text'),
  ];
}

/** Of commands that ask sources. */
export function sourceOptions(): readonly Option[] {
  return [fileRoot(), plugin(), allowOrigin(), cluster()];
}

export function allowMissingPolicy(): Option {
  return new Option('--allow-missing-policy', 'as a ServiceAccount: go on where the API server does not limit it');
}

function fileRoot(): Option {
  return new Option('--file-root <dir>', 'what sources of files may read (default: the folder of the config file)');
}

function allowOrigin(): Option {
  return new Option(
    '--allow-origin <origin>',
    'what sources may reach though it is this machine, this pod, link-local or the API server, and where a credential may go that is not bound; may be repeated',
  ).argParser((text, before: readonly string[] | undefined) => [...(before ?? []), originOf(text)]);
}

function originOf(text: string): string {
  const url = URL.parse(text);
  const isOrigin = url !== null && /^https?:$/.test(url.protocol) && `${url.origin}/` === url.href;
  if (!isOrigin)
    throw new InvalidArgumentError('It has to be an origin, such as http://127.0.0.1:8080, without a path.');
  return url.origin;
}

export function listenAddress(flag: string, what: string): Option {
  return new Option(`${flag} <[host:]port>`, what).argParser((text): ListenAddress => {
    const [, bracketed, plain, digits] = /^(?:\[([\da-f:.]+)\]:|([\w.-]+):)?(\d{1,5})$/i.exec(text) ?? [];
    const port = Number(digits);
    if (!(port <= 65_535)) throw new InvalidArgumentError('It has to be a port, or host:port.');
    const host = bracketed ?? plain;
    return { port, ...(host !== undefined && { host }) };
  });
}

export function contexts(): Option {
  return new Option('--contexts <names>', 'several kubeconfig contexts, with commas between them').argParser((text) => {
    const names = text.split(',').map((name) => name.trim());
    if (names.includes('')) throw new InvalidArgumentError('It has to be such as home,cabin.');
    return [...new Set(names)];
  });
}

export function timeout(standard: string, what = 'how long to wait for the agent'): Option {
  return new Option('--timeout <duration>', what).default(secondsOf(standard), standard).argParser(secondsOf);
}

/** Milliseconds. */
function secondsOf(text: string): number {
  const [, digits, unit] = /^(\d{1,5})(s|m)$/.exec(text) ?? [];
  if (digits === undefined || Number(digits) === 0) throw new InvalidArgumentError('It has to be such as 90s or 5m.');
  return Number(digits) * (unit === 'm' ? 60_000 : 1_000);
}

export function plugin(): Option {
  return new Option(
    '--plugin <name=path@digest>',
    'a file that `type: name` loads, with its sha256-…; may be repeated',
  ).argParser((value, earlier: readonly string[] | undefined) => [...(earlier ?? []), value]);
}

/** What a registry could have it by. */
export function image(what: string): Option {
  return new Option('--image <name>', what).argParser((text) => {
    if (!/^[a-z0-9][\w.-]*(?::\d+)?(?:\/[\w.-]+)*(?::[\w.-]+)?(?:@sha256:[\da-f]{64})?$/.test(text))
      throw new InvalidArgumentError('It has to be such as registry.example/hikyaku:0.1.0, or end in @sha256:….');
    return text;
  });
}

export function identity(what = 'to open with'): Option {
  return new Option('-i, --identity <file>', `a file of age-keygen, or of age -p, ${what}; may be repeated`).argParser(
    (value, earlier: readonly string[] | undefined) => [...(earlier ?? []), value],
  );
}

export function yesToKeys(): Option {
  return new Option('-y, --yes', 'add keys without asking');
}

function cluster(): Option {
  return new Option(
    '--cluster <name>',
    'which cluster this is, by its name under `recipients`, where its key does not tell (or HIKYAKU_CLUSTER)',
  );
}

export function identitySecret(): Option {
  return new Option(
    '--identity-secret <name>',
    'the Secret of another tool, NAME or NAMESPACE/NAME, whose *.agekey open what is sealed; read, never written',
  );
}

export function noQuestion(): Option {
  return new Option('-y, --yes', 'write without asking');
}

export function yes(): Option {
  return new Option('-y, --yes', "make the agent's own namespace where it is missing");
}
