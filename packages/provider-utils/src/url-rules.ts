/**
 * Whether a credential may travel to this address: https, or http to a loopback host (`localhost`, `*.localhost`, `127.0.0.0/8`,
 * `::1`). `true` for what is no url at all, which is for another rule to say.
 */
export function isSafeUrl(text: string): boolean {
  const url = URL.parse(text);
  return url === null || url.protocol === 'https:' || (url.protocol === 'http:' && isLoopbackHost(url.hostname));
}

/** Whether it can be the base of other addresses: no user, password, query or fragment. `true` for what is no url at all. */
export function isPlainUrl(text: string): boolean {
  const url = URL.parse(text);
  return url === null || (url.username === '' && url.password === '' && url.search === '' && url.hash === '');
}

/** Of a url: without a port, an IPv6 address in brackets. */
export function isLoopbackHost(hostname: string): boolean {
  return (
    hostname === 'localhost' ||
    hostname.endsWith('.localhost') ||
    hostname === '[::1]' ||
    /^127\.\d+\.\d+\.\d+$/.test(hostname)
  );
}

/** The base of an API's paths, normalized and without a slash at its end. */
export function baseUrl(url: string): string {
  return new URL(url).href.replace(/\/+$/, '');
}
