/**
 * What keeps a value (the default export of a module) from being a Provider: one sentence each, for its author; none when it
 * is one. Looks only: calls nothing of it.
 */
export function providerProblems(value: unknown): readonly string[] {
  if (!isObject(value)) return [`a provider is an object, best made by \`defineProvider\`; this is ${kindOf(value)}`];
  const { type, config, credentials, describe, connect, verifyNotice } = value;
  const problems: string[] = [];
  if (typeof type !== 'string' || type === '') problems.push(`\`type\` must be a word, this is ${kindOf(type)}`);
  const standard = isObject(config) ? config['~standard'] : undefined;
  if (!isObject(standard) || typeof standard['validate'] !== 'function')
    problems.push(`\`config\` must be a Standard Schema, such as \`z.strictObject({ … })\`; this is ${kindOf(config)}`);
  if (typeof describe !== 'function') problems.push(`\`describe\` must be a function, this is ${kindOf(describe)}`);
  if (typeof connect !== 'function') problems.push(`\`connect\` must be a function, this is ${kindOf(connect)}`);
  if (verifyNotice !== undefined && typeof verifyNotice !== 'function')
    problems.push(`\`verifyNotice\` must be a function where it is there, this is ${kindOf(verifyNotice)}`);
  if (credentials !== undefined && !(Array.isArray(credentials) && credentials.every(isCredentialField)))
    problems.push("`credentials` must be a list such as `[{ path: 'token', default: { env: 'MY_TOKEN' } }]`");
  return problems;
}

function isCredentialField(field: unknown): boolean {
  if (!isObject(field)) return false;
  const { path, default: fallback } = field;
  const hasPath = typeof path === 'string' && path.split('.').every((part) => part !== '');
  return hasPath && (fallback === undefined || (isObject(fallback) && typeof fallback['env'] === 'string'));
}

/** Functions too: the schemas of some libraries are. */
function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

function kindOf(value: unknown): string {
  if (value === undefined) return 'not there';
  if (value === null || value === '') return value === null ? 'null' : 'empty';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'another object' : `a ${typeof value}`;
}
