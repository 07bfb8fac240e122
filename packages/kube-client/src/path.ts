/**
 * Builds a request path; every interpolated segment is encoded:
 * path`/api/v1/namespaces/${namespace}/secrets/${name}`.
 */
export function path(strings: TemplateStringsArray, ...segments: readonly string[]): string {
  let result = strings[0] ?? '';
  for (const [index, segment] of segments.entries()) {
    // These survive encoding and would change which object the path names.
    if (segment === '' || segment === '.' || segment === '..') {
      throw new TypeError(`"${segment}" cannot be a segment of a request path`);
    }
    result += encodeURIComponent(segment) + (strings[index + 1] ?? '');
  }
  return result;
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export function withQuery(requestPath: string, query: Query | undefined): string {
  if (query === undefined) return requestPath;
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) parameters.append(name, String(value));
  }
  return parameters.size === 0 ? requestPath : `${requestPath}?${parameters.toString()}`;
}
