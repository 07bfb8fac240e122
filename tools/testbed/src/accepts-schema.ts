type Schema = Readonly<Record<string, unknown>>;

/** Whether a value fits a JSON Schema; throws on a word that it does not know. */
export function acceptsSchema(schema: unknown, value: unknown): boolean {
  if (!isMapping(schema)) return schema !== false;
  return Object.keys(schema).every((word) => {
    const check = CHECKS[word];
    if (check === undefined && !SILENT.has(word)) throw new Error(`the word ${word} of JSON Schema is not known here`);
    return check?.(schema, value) ?? true;
  });
}

const SILENT: ReadonlySet<string> = new Set([
  '$schema',
  'title',
  'description',
  'default',
  'format',
  'contentEncoding',
  'then',
]);

const CHECKS: Readonly<Record<string, (schema: Schema, value: unknown) => boolean>> = {
  type: ({ type }, value) => kindsOf(value).includes(String(type)),
  const: (schema, value) => schema['const'] === value,
  enum: (schema, value) => listAt(schema, 'enum').includes(value),
  pattern: ({ pattern }, value) => typeof value !== 'string' || new RegExp(String(pattern), 'u').test(value),
  minLength: ({ minLength }, value) => typeof value !== 'string' || value.length >= Number(minLength),
  maxLength: ({ maxLength }, value) => typeof value !== 'string' || value.length <= Number(maxLength),
  minimum: ({ minimum }, value) => typeof value !== 'number' || value >= Number(minimum),
  maximum: ({ maximum }, value) => typeof value !== 'number' || value <= Number(maximum),
  minItems: ({ minItems }, value) => !Array.isArray(value) || value.length >= Number(minItems),
  items: ({ items }, value) => !Array.isArray(value) || value.every((item) => acceptsSchema(items, item)),
  minProperties: ({ minProperties }, value) => !isMapping(value) || Object.keys(value).length >= Number(minProperties),
  maxProperties: ({ maxProperties }, value) => !isMapping(value) || Object.keys(value).length <= Number(maxProperties),
  required: (schema, value) =>
    !isMapping(value) || listAt(schema, 'required').every((key) => Object.hasOwn(value, String(key))),
  dependentRequired: ({ dependentRequired }, value) =>
    !isMapping(value) ||
    Object.entries(Object(dependentRequired)).every(
      ([key, others]) =>
        !Object.hasOwn(value, key) ||
        (Array.isArray(others) && others.every((other) => Object.hasOwn(value, String(other)))),
    ),
  propertyNames: ({ propertyNames }, value) =>
    !isMapping(value) || Object.keys(value).every((key) => acceptsSchema(propertyNames, key)),
  properties: ({ properties }, value) =>
    !isMapping(value) ||
    Object.entries(Object(properties)).every(
      ([key, inner]) => !Object.hasOwn(value, key) || acceptsSchema(inner, value[key]),
    ),
  additionalProperties: ({ properties = {}, additionalProperties }, value) =>
    !isMapping(value) ||
    Object.entries(value).every(
      ([key, inner]) => Object.hasOwn(Object(properties), key) || acceptsSchema(additionalProperties, inner),
    ),
  not: (schema, value) => !acceptsSchema(schema['not'], value),
  anyOf: (schema, value) => listAt(schema, 'anyOf').some((branch) => acceptsSchema(branch, value)),
  oneOf: (schema, value) => listAt(schema, 'oneOf').filter((branch) => acceptsSchema(branch, value)).length === 1,
  allOf: (schema, value) => listAt(schema, 'allOf').every((branch) => acceptsSchema(branch, value)),
  if: (schema, value) => !acceptsSchema(schema['if'], value) || acceptsSchema(schema['then'], value),
};

function isMapping(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function listAt(schema: Schema, word: string): readonly unknown[] {
  const list = schema[word];
  return Array.isArray(list) ? list : [];
}

function kindsOf(value: unknown): readonly string[] {
  if (value === null) return ['null'];
  if (Array.isArray(value)) return ['array'];
  return Number.isInteger(value) ? ['number', 'integer'] : [typeof value];
}
