// Versions by the app that they are of, and which one each is compared with.

import type { Version } from "../api/types";

export interface App {
  name: string;
  /** Newest first. */
  versions: Version[];
}

/** "shop-agent-v2" and "shop-agent@9f3c2a1" are versions of "shop-agent"; empty for a name that is all version. */
export const stemOf = (name: string) =>
  name.replace(/(?:^|[-_@. :/]+)(?:v(?:er(?:sion)?)?[-_. ]?)?(?:\d[\w.+-]*|[0-9a-f]{7,40})(?:-dirty.*)?$/i, "");

/** Versions whose names begin alike, or most of whose traces have one name, are of one app. */
export function appsOf(versions: Version[]): App[] {
  const groups: { keys: Set<string>; versions: Version[] }[] = [];
  for (const version of versions) {
    const stem = stemOf(version.name);
    const keys = new Set([
      ...(stem ? [`stem ${stem}`] : []),
      ...(version.trace_name ? [`trace ${version.trace_name}`] : []),
    ]);
    const joined = groups.filter((group) => [...keys].some((key) => group.keys.has(key)));
    const whole = {
      keys: new Set([...keys, ...joined.flatMap((group) => [...group.keys])]),
      versions: [...joined.flatMap((group) => group.versions), version],
    };
    for (const group of joined) groups.splice(groups.indexOf(group), 1);
    groups.push(whole);
  }
  return groups
    .map(({ versions: all }) => ({ name: nameOf(all), versions: all.sort((a, b) => beginning(b) - beginning(a)) }))
    .sort((a, b) => latest(b) - latest(a));
}

const beginning = (version: Version) => version.created_ns ?? version.first_ns;

const latest = (app: App) => Math.max(...app.versions.map((version) => version.last_ns));

function nameOf(versions: Version[]): string {
  const stems = new Set(versions.map((version) => stemOf(version.name)));
  const [stem] = stems;
  return (stems.size === 1 && stem) || versions[0]?.trace_name || versions[0]?.name || "";
}

/** The version before in its app, or the chosen one; null for the first of all and for the base itself. */
export function baseOf(app: App, version: Version, chosen: Version | undefined): Version | null {
  if (chosen) return chosen === version ? null : chosen;
  return app.versions[app.versions.indexOf(version) + 1] ?? null;
}
