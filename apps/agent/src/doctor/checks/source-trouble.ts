import type { SourceConfig } from '@hikyaku/config';
import type { ProviderError } from '@hikyaku/core';
import { printable } from '../../output/printable.ts';
import type { Examination } from '../examination.ts';
import { found } from '../finding.ts';
import type { Finding, FindingCode } from '../finding.ts';
import { replacing } from '../replacing.ts';

/** What a source has answered, or why it has not, and what to do about it. */
export function sourceTrouble(source: SourceConfig, error: ProviderError, examination: Examination): Finding {
  const thing = `source ${source.name}`;
  const code = codeOf(source, error, examination);
  return found(code, thing, printable(error.message), {
    ...(code === 'SOURCE_UNAUTHENTICATED' ? credentialRemedy(source, examination) : { advice: ADVICE[code] }),
  });
}

type Trouble = Exclude<Extract<FindingCode, `SOURCE_${string}`>, 'SOURCE_UNAUTHENTICATED'>;

const ADVICE: Readonly<Record<Trouble, string>> = {
  SOURCE_NAME_UNKNOWN: 'correct the address in the config, or the DNS where the agent runs',
  SOURCE_NOT_TRUSTED: 'give the certificate of its issuer as `ca`, if it is yours; else find out who answers there',
  SOURCE_PROXY:
    'requests go by the proxy that HTTPS_PROXY or HTTP_PROXY names: correct it, or name the host in NO_PROXY',
  SOURCE_UNREACHABLE: 'see that it runs, and that no firewall or NetworkPolicy is in between',
  SOURCE_FORBIDDEN: 'give the credential the right to read there, or take another credential',
  SOURCE_NOT_FOUND: 'correct project, vault or path in the config, or make it at the service',
  SOURCE_RATE_LIMITED: 'wait; if it lasts, write a longer `refresh`, or have fewer agents use the same account',
  SOURCE_ANSWERS_WRONG: 'look at what answers there: a proxy, a login page, another version of the service',
  SOURCE_UNUSABLE: 'correct the source in the config as the message says',
};

function codeOf(
  { description }: SourceConfig,
  error: ProviderError,
  { edge }: Examination,
): Trouble | 'SOURCE_UNAUTHENTICATED' {
  switch (error.code) {
    case 'UNAUTHENTICATED':
      return 'SOURCE_UNAUTHENTICATED';
    case 'FORBIDDEN':
      return 'SOURCE_FORBIDDEN';
    case 'NOT_FOUND':
      return 'SOURCE_NOT_FOUND';
    case 'RATE_LIMITED':
      return 'SOURCE_RATE_LIMITED';
    case 'INVALID_RESPONSE':
      return 'SOURCE_ANSWERS_WRONG';
    case 'INVALID_CONFIG':
    case 'UNSUPPORTED':
      return 'SOURCE_UNUSABLE';
    default:
      return unreachable(description.origins, error, edge.env);
  }
}

function unreachable(origins: readonly string[], { message }: ProviderError, env: Examination['edge']['env']): Trouble {
  // As provider-utils ends its messages; absent where there was an answer.
  const [, code] = /\(([A-Z][A-Z0-9_]+)\)$/.exec(message) ?? [];
  if (code === undefined) return 'SOURCE_UNREACHABLE';
  if (/CERT|ISSUER|SIGNATURE|SSL|EPROTO/.test(code)) return 'SOURCE_NOT_TRUSTED';
  if (origins.some((origin) => goesByProxy(origin, env))) return 'SOURCE_PROXY';
  return code === 'ENOTFOUND' || code === 'EAI_AGAIN' ? 'SOURCE_NAME_UNKNOWN' : 'SOURCE_UNREACHABLE';
}

function goesByProxy(origin: string, env: Examination['edge']['env']): boolean {
  const { protocol, hostname } = new URL(origin);
  const { HTTPS_PROXY, https_proxy, HTTP_PROXY, http_proxy, NO_PROXY, no_proxy } = env;
  const proxy = protocol === 'https:' ? (https_proxy ?? HTTPS_PROXY) : (http_proxy ?? HTTP_PROXY);
  const direct = (no_proxy ?? NO_PROXY ?? '').split(/[\s,]+/).filter(Boolean);
  const isDirect = direct.some(
    (name) => name === '*' || hostname === name || hostname.endsWith(name.replace(/^\*?\.?/, '.')),
  );
  return Boolean(proxy) && !isDirect;
}

function credentialRemedy(source: SourceConfig, examination: Examination) {
  const [[field, reference] = []] = source.credentials;
  if (field === undefined || reference === undefined) return { advice: 'give it a credential in the config' };
  return replacing({ source, field, reference }, examination);
}
