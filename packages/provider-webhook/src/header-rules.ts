const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const VALUE = /^[\x21-\x7e]+(?: +[\x21-\x7e]+)*$/;

/** Said by the connection itself, or by this provider for every request. */
const OURS: ReadonlySet<string> = new Set([
  'accept-encoding',
  'connection',
  'content-length',
  'expect',
  'host',
  'if-match',
  'if-none-match',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** What is wrong with a header's name; goes on from "the header …". */
export function headerNameProblem(name: string): string | undefined {
  if (!NAME.test(name)) return 'has a name with characters that no header may have';
  return OURS.has(name.toLowerCase()) ? 'is set by hikyaku itself' : undefined;
}

/** Visible ASCII with spaces in between: nothing that could begin another header, or that proxies read differently. */
export function isHeaderValue(value: string): boolean {
  return VALUE.test(value);
}
