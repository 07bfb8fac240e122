// The rules are those of k8s.io/apimachinery, pkg/util/validation.
import * as z from 'zod';

const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const SUBDOMAIN = `${LABEL}(\\.${LABEL})*`;
const DNS_LABEL = new RegExp(`^${LABEL}$`);
const DNS_SUBDOMAIN = new RegExp(`^${SUBDOMAIN}$`);
const QUALIFIED_NAME = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
const SECRET_KEY = /^(?!\.\.?$)[-._a-zA-Z0-9]+$/;

/** An RFC 1123 label: the name of a namespace. */
export function dnsLabel(longest = 63): z.ZodString {
  const error = `must be lower-case letters, digits and \`-\` (not at either end), at most ${longest} characters`;
  return z.string().regex(DNS_LABEL, { error, abort: true }).max(longest, { error });
}

/** An RFC 1123 subdomain: the name of a Secret. */
export function dnsSubdomain(): z.ZodString {
  const error =
    'must be lower-case letters, digits, `-` and `.` (letter or digit at either end), at most 253 characters';
  return z.string().regex(DNS_SUBDOMAIN, { error, abort: true }).max(253, { error });
}

/** A key of a Secret's data. */
export function secretKey(): z.ZodString {
  const error = 'must be letters, digits, `-`, `_` and `.`, at most 253 characters, and not `.` or `..`';
  return z.string().regex(SECRET_KEY, { error, abort: true }).max(253, { error });
}

/** What is wrong with the key of a label or annotation. */
export function labelKeyProblem(key: string): string | undefined {
  const slash = key.indexOf('/');
  const prefix = key.slice(0, Math.max(slash, 0));
  const name = key.slice(slash + 1);
  if (slash !== -1 && !(prefix.length <= 253 && DNS_SUBDOMAIN.test(prefix))) {
    return 'must have a DNS name before the `/`';
  }
  if (name.length > 63 || !QUALIFIED_NAME.test(name)) {
    return 'must be letters, digits, `-`, `_` and `.` (letter or digit at either end), at most 63 characters after an optional prefix and `/`';
  }
  return undefined;
}

/** What is wrong with the value of a label. */
export function labelValueProblem(value: string): string | undefined {
  if (value === '' || (value.length <= 63 && QUALIFIED_NAME.test(value))) return undefined;
  return 'must be letters, digits, `-`, `_` and `.` (letter or digit at either end), at most 63 characters, or empty';
}
