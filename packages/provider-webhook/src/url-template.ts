import { literalsIn, parseTemplate, splitTemplate, TemplateError } from './template.ts';
import type { Template } from './template.ts';

/** The path and query of an operation, below the base url. */
export interface UrlTemplate {
  readonly path: Template;
  readonly query?: Template;
}

/** `.` and `..`, which would lead out of the path; URL parsers also take the encoded forms for them. */
export const DOT_SEGMENT = /^(?:\.|%2e){1,2}$/i;

/**
 * Checks what stands in the url itself; values come later and are escaped. Throws a {@link TemplateError}. Scheme, host, port and
 * user are those of the base url, always: there is no way to write them here.
 */
export function parseUrlTemplate(text: string): UrlTemplate {
  const template = parseTemplate(text);
  const [path, query] = splitTemplate(template, '?');
  const start = literalsIn(path)[0] ?? '';
  if (/^[a-z][a-z0-9+.-]*:/i.test(start)) {
    throw new TemplateError('must be a path below the `url` of the source, without scheme and host', 1);
  }
  if (!start.startsWith('/') && text !== '' && !text.startsWith('?')) {
    throw new TemplateError('must begin with `/`: it is a path below the `url` of the source', 1);
  }
  if (/^\/[/\\]/.test(text)) throw new TemplateError('must not begin with two slashes: that would name a host', 1);

  for (const literal of literalsIn(template)) {
    const bad = /[^\x21-\x7e]|[\\#]|%(?![0-9A-Fa-f]{2})/.exec(literal)?.[0];
    if (bad === undefined) continue;
    const what =
      bad === '\\' || bad === '#'
        ? `\`${bad}\``
        : bad === '%'
          ? 'a `%` that encodes nothing'
          : 'a space, a control or a non-ASCII character';
    throw new TemplateError(`must not have ${what}: percent-encode it`, text.indexOf(bad) + 1);
  }
  // Each variable counts as one letter: whether its value makes a dot segment is checked when it is known.
  const segments = literalsIn(path).join('x').split('/');
  if (segments.some((segment) => DOT_SEGMENT.test(segment))) {
    throw new TemplateError('must not have `.` or `..` as a part of the path', 1);
  }
  return { path, ...(query !== undefined && { query }) };
}
