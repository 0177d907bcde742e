// Links between traces and the prompts that they used.

import type { Trace } from "../api/types";
import { oneOf } from "../traces/conditions";

const USED = "tracer.prompt.";

/** The versions of prompts that a trace used, and the names by which they were asked for. */
export function promptsOf(trace: Trace): { name: string; version: string; asked: string }[] {
  return Object.entries(trace.metadata).flatMap(([key, asked]) => {
    const [name, version] = key.startsWith(USED) ? key.slice(USED.length).split("/") : [];
    return name && version ? [{ name, version, asked }] : [];
  });
}

export const promptAddress = (name: string, version: number | string) =>
  `/prompts/${encodeURIComponent(name)}?${new URLSearchParams({ version: String(version) })}`;

/** The list of the traces that used one of these versions. */
export const tracesWithPrompt = (name: string, versions: (number | string)[]) =>
  `/traces?${new URLSearchParams({ filter: usedOneOf(name, versions) })}`;

export const usedOneOf = (name: string, versions: (number | string)[]) =>
  oneOf(
    "prompt",
    versions.map((version) => `${name}/${version}`),
  );
