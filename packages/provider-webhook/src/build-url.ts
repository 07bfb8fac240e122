import { ProviderError } from '@hikyaku/core';
import { baseUrl } from '@hikyaku/provider-utils';
import { substitute } from './template.ts';
import type { Template, Variables } from './template.ts';
import { DOT_SEGMENT } from './url-template.ts';
import type { UrlTemplate } from './url-template.ts';

export interface UrlParts {
  /** The source's own url. */
  readonly base: string;
  readonly url: UrlTemplate;
  /** Added to the query of `url`; an entry with a variable that has no value is left out. */
  readonly query: ReadonlyMap<string, Template>;
}

/**
 * The address of one request. A value can neither leave its segment of the path nor add a parameter, and the result is below the
 * base url. Throws `INVALID_CONFIG` for a value that no path can carry.
 */
export function buildUrl({ base, url, query }: UrlParts, variables: Variables): URL {
  const root = baseUrl(base);
  const path = filled(url.path, variables, pathValue);
  if (path.split('/').some((segment) => DOT_SEGMENT.test(segment))) {
    throw new ProviderError(
      'INVALID_CONFIG',
      'the name makes `.` or `..` a part of the path, which would ask for something else',
    );
  }
  const parameters = [
    url.query === undefined ? '' : filled(url.query, variables, encode),
    ...[...query].flatMap(([name, template]) => {
      const value = substitute(template, variables, encode);
      return value === undefined ? [] : [`${encode(name)}=${value}`];
    }),
  ].filter((parameter) => parameter !== '');

  const built = new URL(`${root}${path}${parameters.length > 0 ? `?${parameters.join('&')}` : ''}`);
  const from = new URL(root);
  if (built.origin !== from.origin || !isBelow(built.pathname, from.pathname)) {
    throw new ProviderError('FORBIDDEN', `an address outside of ${root} was not asked`);
  }
  return built;
}

function filled(template: Template, variables: Variables, escape: (value: string, variable: string) => string): string {
  const text = substitute(template, variables, escape);
  if (text === undefined) throw new TypeError(`the config lets a variable without a value through: ${template.text}`);
  return text;
}

function isBelow(path: string, base: string): boolean {
  return path === base || path.startsWith(base.endsWith('/') ? base : `${base}/`);
}

function pathValue(value: string, variable: string): string {
  const segments = variable === 'namePath' ? value.split('/') : [value];
  if (segments.includes('')) {
    throw new ProviderError(
      'INVALID_CONFIG',
      'the name leaves a part of the path empty, which would ask for something else',
    );
  }
  return segments.map(encode).join('/');
}

/** Also for a path segment: what it leaves as it is has no meaning there. */
function encode(value: string): string {
  if (!value.isWellFormed()) {
    throw new ProviderError('INVALID_CONFIG', 'the name is not well-formed text, and no url can carry it');
  }
  return encodeURIComponent(value);
}
