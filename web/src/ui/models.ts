// The models of a trace in few words.

/** A model that was asked for under an alias is listed twice; the shorter name says it. */
export function modelNames(models: string[]): string {
  const names = models.filter((name) => !models.some((other) => other !== name && name.startsWith(`${other}-`)));
  return names.length > 2 ? `${names[0]} and ${names.length - 1} more` : names.join(", ");
}
