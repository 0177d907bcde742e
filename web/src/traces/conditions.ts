// Adds a condition to a filter, or removes it, on a click.

export const quoted = (value: string) => `'${value.replaceAll("'", "''")}'`;

const quotedKey = (key: string) => (/^[A-Za-z_][\w.]*$/.test(key) ? key : `\`${key}\``);

/** A field with a key of its own, such as `feedback.helpful`. */
export const keyedField = (field: string, key: string) => `${field}.${quotedKey(key)}`;

export function condition(field: string, value: string): string {
  const name = field.startsWith("tags.") ? keyedField("tags", field.slice(5)) : field;
  return `${name} = ${quoted(value)}`;
}

/** A field has one of several values. */
export const oneOf = (field: string, values: string[]) =>
  values.length === 1 ? condition(field, values[0] ?? "") : `${field} IN (${values.map(quoted).join(", ")})`;

/** The parts of a filter between its outermost ANDs; a single part if there is an OR on that level. */
export function conjuncts(filter: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let quote = "";
  let from = 0;
  for (let at = 0; at < filter.length; at++) {
    const char = filter[at] ?? "";
    if (quote) {
      if (char === quote) quote = "";
    } else if (char === "'" || char === '"' || char === "`") quote = char;
    else if (char === "(") depth++;
    else if (char === ")") depth--;
    else if (depth === 0) {
      const word = /^\s(and|or)\s/i.exec(filter.slice(at, at + 5));
      if (word?.[1]?.toLowerCase() === "or") return [filter.trim()];
      // the AND of a BETWEEN belongs to its condition
      if (word && !/\bbetween\s+\S+$/i.test(filter.slice(from, at))) {
        parts.push(filter.slice(from, at).trim());
        from = at + 4;
        at += 3;
      }
    }
  }
  return [...parts, filter.slice(from).trim()].filter(Boolean);
}

const same = (a: string, b: string) => a.replace(/\s+/g, " ").toLowerCase() === b.toLowerCase();

export const hasCondition = (filter: string, wanted: string) => conjuncts(filter).some((part) => same(part, wanted));

export function toggleCondition(filter: string, wanted: string): string {
  const parts = conjuncts(filter);
  const rest = parts.filter((part) => !same(part, wanted));
  if (rest.length < parts.length) return rest.join(" AND ");
  const isOr = parts.length === 1 && conjuncts(`${filter} AND x`).length === 1;
  return [...(isOr ? [`(${filter.trim()})`] : parts), wanted].join(" AND ");
}
