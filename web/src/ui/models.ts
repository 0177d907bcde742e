// Short text for the models of a trace.

/** A model requested by an alias is listed under both names; the shorter one is enough. */
export function modelNames(models: string[]): string {
  const names = models.filter((name) => !models.some((other) => other !== name && name.startsWith(`${other}-`)));
  return names.length > 2 ? `${names[0]} and ${names.length - 1} more` : names.join(", ");
}
