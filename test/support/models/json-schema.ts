/** The keywords of JSON Schema that the OpenAPI document uses, checked in the obvious way. */
import type { Schema } from "../../../src/http/public/openapi-schemas.ts";

/** Returns what is wrong with a value, with the place of each fault; empty if it is valid. */
export function schemaFaults(
  value: unknown,
  schema: Schema,
  schemas: Readonly<Record<string, Schema>>,
  place = "$",
): string[] {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.replace("#/components/schemas/", "");
    const target = schemas[name];
    return target === undefined
      ? [`${place}: no schema ${name}`]
      : schemaFaults(value, target, schemas, place);
  }
  if (schema.anyOf !== undefined) {
    const all = schema.anyOf.map((one) => schemaFaults(value, one, schemas, place));
    return all.some((faults) => faults.length === 0) ? [] : all.flat();
  }
  if (schema.type !== undefined && !hasType(value, schema.type)) {
    return [`${place}: ${JSON.stringify(value)} is no ${schema.type}`];
  }
  const faults: string[] = [];
  const fault = (what: string) => void faults.push(`${place}: ${JSON.stringify(value)} ${what}`);
  if (typeof value === "string") {
    if (schema.enum?.includes(value) === false) fault(`is none of ${schema.enum.join(", ")}`);
    if (schema.pattern !== undefined && !new RegExp(schema.pattern).test(value))
      fault(`is not ${schema.pattern}`);
    if (schema.format === "date-time" && !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(value)) {
      fault("is no time");
    }
  }
  if (typeof value === "number") {
    if (value < (schema.minimum ?? Number.NEGATIVE_INFINITY)) fault(`is less than ${schema.minimum}`);
    if (value > (schema.maximum ?? Number.POSITIVE_INFINITY)) fault(`is more than ${schema.maximum}`);
  }
  const { items, properties = {}, required = [], additionalProperties = true } = schema;
  if (Array.isArray(value)) {
    if (items === undefined) return faults;
    return [...faults, ...value.flatMap((one, i) => schemaFaults(one, items, schemas, `${place}[${i}]`))];
  }
  if (typeof value !== "object" || value === null) return faults;
  for (const name of required) if (!Object.hasOwn(value, name)) faults.push(`${place}: no ${name}`);
  for (const [name, one] of Object.entries(value)) {
    const known = properties[name] ?? (additionalProperties === true ? {} : additionalProperties);
    if (known === false) faults.push(`${place}: ${name} is not in the schema`);
    else faults.push(...schemaFaults(one, known, schemas, `${place}.${name}`));
  }
  return faults;
}

function hasType(value: unknown, type: NonNullable<Schema["type"]>): boolean {
  switch (type) {
    case "null":
      return value === null;
    case "array":
      return Array.isArray(value);
    case "integer":
      return Number.isInteger(value);
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value);
    default:
      return typeof value === type;
  }
}
