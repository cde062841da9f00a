/** JSON Schema as our configs use it: objects, lists, choices, `$ref` into `$defs`, and unions told apart by `kind`. */

export interface Schema {
  type?: string | string[];
  title?: string;
  description?: string;
  default?: unknown;
  const?: unknown;
  enum?: unknown[];
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  anyOf?: Schema[];
  oneOf?: Schema[];
  $ref?: string;
  $defs?: Record<string, Schema>;
}

/** A schema with its `$ref` followed; what stands beside the reference holds. */
export function resolved(schema: Schema, root: Schema): Schema {
  if (!schema.$ref) return schema;
  const found = root.$defs?.[schema.$ref.replace('#/$defs/', '')];
  if (!found) return schema;
  const { $ref: _, ...beside } = schema;
  return { ...resolved(found, root), ...beside };
}

/** The schemas of which a value has one, without the one that is null. */
export function choicesOf(schema: Schema, root: Schema): Schema[] {
  const all = (schema.anyOf ?? schema.oneOf ?? []).map((one) => resolved(one, root));
  return all.filter((one) => one.type !== 'null');
}

/** The `kind` that tells a schema of a union from the others. */
export function kindOf(schema: Schema): string | undefined {
  const kind = schema.properties?.kind;
  const value = kind?.const ?? kind?.enum?.[0];
  return typeof value === 'string' ? value : undefined;
}

/** What is wrong with a value by its own schema, or nothing. The server says what depends on others. */
export function wrongWith(value: unknown, schema: Schema): string | undefined {
  if (typeof value !== 'number') return undefined;
  if (schema.minimum !== undefined && value < schema.minimum) return `≥ ${schema.minimum}`;
  if (schema.maximum !== undefined && value > schema.maximum) return `≤ ${schema.maximum}`;
  if (schema.exclusiveMinimum !== undefined && value <= schema.exclusiveMinimum)
    return `> ${schema.exclusiveMinimum}`;
  if (schema.exclusiveMaximum !== undefined && value >= schema.exclusiveMaximum)
    return `< ${schema.exclusiveMaximum}`;
  return undefined;
}

/** A number from what was typed; the text itself where it is none (`auto`), nothing where nothing was. */
export function typedNumber(text: string): unknown {
  if (text.trim() === '') return undefined;
  const value = Number(text);
  return Number.isNaN(value) ? text : value;
}
