/* JSON Schema, as far as the route table emits it: checking a value, making one that fits, and
 * making ones that do not. A keyword that is not known here is an error, so that none goes
 * unchecked. */

const keywords = new Set([
  'type', 'properties', 'required', 'additionalProperties', 'items', 'enum', 'const', 'format', '$ref', 'oneOf',
  'minLength', 'maxLength', 'minimum', 'maximum', 'minItems', 'maxItems', 'description', 'contentMediaType', 'default',
]);
const formats = {
  uuid: /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/,
  'date-time': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/,
};

function typeOf(value) {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value;
}

function hasType(value, type) {
  if (type === 'integer') return Number.isSafeInteger(value);
  return typeOf(value) === type;
}

const types = (schema) => [schema.type ?? []].flat();

/** What is wrong with the value, as a list of sentences; root: where $ref points into. */
export function faults(schema, value, root = {}, at = 'value') {
  if (schema === true) return [];
  if (schema.$ref) return faults(resolve(root, schema.$ref), value, root, at);
  const unknown = Object.keys(schema).filter((k) => !keywords.has(k));
  if (unknown.length) return [`${at}: the schema has the unknown keyword ${unknown}`];
  if (schema.oneOf) {
    const fits = schema.oneOf.filter((s) => !faults(s, value, root, at).length);
    return fits.length === 1 ? [] : [`${at}: fits ${fits.length} of the alternatives`];
  }
  if (schema.type && !types(schema).some((type) => hasType(value, type))) {
    return [`${at}: is ${typeOf(value)}, should be ${types(schema).join(' or ')}`];
  }
  return [...scalarFaults(schema, value, at), ...objectFaults(schema, value, root, at), ...arrayFaults(schema, value, root, at)];
}

function scalarFaults(schema, value, at) {
  const wrong = [];
  const length = typeof value === 'string' ? [...value].length : 0;
  if ('const' in schema && value !== schema.const) wrong.push(`${at}: is not ${schema.const}`);
  if (schema.enum && value !== null && !schema.enum.includes(value)) wrong.push(`${at}: ${value} is none of ${schema.enum}`);
  if (typeof value === 'string') {
    if (length < (schema.minLength ?? 0)) wrong.push(`${at}: is too short`);
    if (length > (schema.maxLength ?? Infinity)) wrong.push(`${at}: is too long`);
    if (schema.format && !formats[schema.format]?.test(value)) wrong.push(`${at}: ${value} is no ${schema.format}`);
  }
  if (typeof value === 'number') {
    if (value < (schema.minimum ?? -Infinity)) wrong.push(`${at}: is too small`);
    if (value > (schema.maximum ?? Infinity)) wrong.push(`${at}: is too large`);
  }
  return wrong;
}

function objectFaults(schema, value, root, at) {
  if (typeOf(value) !== 'object') return [];
  const known = schema.properties ?? {};
  const missing = (schema.required ?? []).filter((name) => !(name in value)).map((name) => `${at}.${name}: is missing`);
  // An answer may not say what is not declared, although a client has to bear it.
  const surplus = Object.keys(value)
    .filter((name) => schema.properties && schema.additionalProperties !== true && !(name in known))
    .map((name) => `${at}.${name}: is not declared`);
  const inner = Object.keys(value)
    .filter((name) => name in known)
    .flatMap((name) => faults(known[name], value[name], root, `${at}.${name}`));
  return [...missing, ...surplus, ...inner];
}

function arrayFaults(schema, value, root, at) {
  if (!Array.isArray(value)) return [];
  const wrong = [];
  if (value.length < (schema.minItems ?? 0)) wrong.push(`${at}: has too few items`);
  if (value.length > (schema.maxItems ?? Infinity)) wrong.push(`${at}: has too many items`);
  return [...wrong, ...value.flatMap((item, i) => (schema.items ? faults(schema.items, item, root, `${at}[${i}]`) : []))];
}

export function resolve(root, ref) {
  return ref.replace(/^#\//, '').split('/').reduce((at, name) => at[name], root);
}

/** A value that fits: of an object only what is required. */
export function sample(schema) {
  const type = types(schema).find((t) => t !== 'null');
  if (schema.enum) return schema.enum[0];
  if (schema.format === 'uuid') return '01900000-0000-7000-8000-000000000000';
  if (schema.format === 'date-time') return '2030-01-01T00:00:00Z';
  if (type === 'string') return 'x'.repeat(Math.max(1, schema.minLength ?? 1));
  if (type === 'integer' || type === 'number') return schema.minimum ?? 0;
  if (type === 'boolean') return true;
  if (type === 'array') return Array.from({ length: schema.minItems ?? 0 }, () => sample(schema.items));
  return Object.fromEntries((schema.required ?? []).map((name) => [name, sample(schema.properties[name])]));
}

/** Bodies that each have one fault: {body, field, why}. */
export function* spoilt(schema, path = '', around = (value) => value) {
  const good = sample(schema);
  const place = (name) => (path ? `${path}.${name}` : name);
  yield { body: around({ ...good, nobodyKnowsThis: 1 }), field: place('nobodyKnowsThis'), why: 'unknown member' };
  for (const name of schema.required ?? []) {
    const { [name]: _, ...rest } = good;
    yield { body: around(rest), field: place(name), why: 'missing' };
    yield { body: around({ ...good, [name]: null }), field: place(name), why: 'null' };
  }
  for (const [name, member] of Object.entries(schema.properties ?? {})) {
    const put = (value) => around({ ...good, [name]: value });
    for (const { value, why } of wrongValues(member)) yield { body: put(value), field: place(name), why };
    if (types(member).includes('object') && member.properties) yield* spoilt(member, place(name), put);
  }
}

/* The longest text that is worth sending to prove a limit; larger ones are the body limit's. */
const longest = 200_000;

function* wrongValues(schema) {
  const allowed = types(schema);
  const others = { string: 'text', number: 1.5, boolean: true, object: { a: 1 }, array: [1] };
  for (const [type, value] of Object.entries(others)) {
    if (!allowed.includes(type)) yield { value, why: `${type} instead of ${allowed}` };
  }
  if (schema.format) yield { value: 'garbage', why: 'wrong form' };
  if (schema.enum) yield { value: 'none-of-them', why: 'not one of the enumeration' };
  if (allowed.includes('string') && !schema.enum && !schema.format) {
    yield { value: 'nul\u0000inside', why: 'NUL' };
    yield { value: 'bell\u0007', why: 'control sign' };
    if (schema.minLength > 0) yield { value: 'x'.repeat(schema.minLength - 1), why: 'too short' };
    if (schema.maxLength < longest) yield { value: 'x'.repeat(schema.maxLength + 1), why: 'too long' };
    if (schema.maxLength < longest) yield { value: '😀'.repeat(schema.maxLength + 1), why: 'too long in characters' };
  }
  if (schema.minimum !== undefined) yield { value: schema.minimum - 1, why: 'too small' };
  if (schema.maximum !== undefined && schema.maximum < Number.MAX_SAFE_INTEGER) yield { value: schema.maximum + 1, why: 'too large' };
}

/** Values at both ends of what is allowed: {body, field, why}. */
export function* extremes(schema) {
  for (const [name, member] of Object.entries(schema.properties ?? {})) {
    const put = (value, why) => ({ body: { ...sample(schema), [name]: value }, field: name, why });
    if (types(member).includes('string') && !member.enum && !member.format) {
      if (member.minLength > 0) yield put('x'.repeat(member.minLength), 'shortest');
      if (member.maxLength < longest) yield put('x'.repeat(member.maxLength), 'longest');
      if (member.maxLength < longest / 4) yield put('😀'.repeat(member.maxLength), 'longest in characters');
    }
    if (member.minimum !== undefined) yield put(member.minimum, 'smallest');
    if (member.maximum !== undefined) yield put(member.maximum, 'largest');
    for (const value of member.enum ?? []) yield put(value, `one of the enumeration`);
  }
}
