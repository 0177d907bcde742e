// Registered prompts.

import { queryOptions } from "@tanstack/react-query";
import { ApiError, request } from "../api/client";
import { queryClient } from "../api/queries";
import type { Facets, Json } from "../api/types";

const MOST_VERSIONS = 1000;

export interface Prompt {
  name: string;
  number: number;
  id: string;
  created_ns: number;
  tags: Record<string, string>;
  content: { template?: Json; commit_message?: string | null };
  /** All aliases of the name, with the numbers of their versions. */
  aliases: Record<string, number>;
}

const registered = (query: Record<string, string | number>, signal: AbortSignal) =>
  request<{ registered: Prompt[] }>("/registered", { kind: "prompt", ...query }, { signal }).then(
    (answer) => answer.registered,
  );

/** The newest version of each prompt, by name. */
export const promptList = () =>
  queryOptions({ queryKey: ["prompts"], queryFn: ({ signal }) => registered({}, signal), retry: false });

/** All versions of a prompt, the newest first. */
export const promptVersions = (name: string) =>
  queryOptions({ queryKey: ["prompts", name], queryFn: ({ signal }) => registered({ name }, signal), retry: false });

export const promptVersion = (name: string, number: number) =>
  queryOptions({
    queryKey: ["prompts", name, number],
    queryFn: async ({ signal }) => {
      const [found] = await registered({ name, number }, signal);
      if (!found) throw new ApiError(404, "not_found", `No prompt is called ${name} with a version ${number}.`, null);
      return found;
    },
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  });

/** Number of traces by version, of the newest traces that used a prompt; the filter restricts which. */
export const promptUse = (filter = "prompt IS NOT NULL") =>
  queryOptions({
    queryKey: ["prompt-use", filter],
    queryFn: async ({ signal }): Promise<{ counts: Map<string, number>; isWhole: boolean }> => {
      const { facets, complete } = await request<Facets>(
        "/traces/facets",
        { filter, fields: "prompt", limit: MOST_VERSIONS },
        { signal },
      );
      return { counts: new Map(facets[0]?.values.map(({ value, count }) => [value, count])), isWhole: complete };
    },
    retry: false,
  });

/** Registers a version, and gives its number. */
export async function registerPrompt(prompt: {
  name: string;
  template: Json;
  commit_message: string;
}): Promise<number> {
  const made = await request<Prompt>("/prompts", {}, { method: "POST", json: prompt });
  await refreshPrompts();
  return made.number;
}

/** Lets an alias stand for a version; null takes it away. */
export async function setAlias(name: string, alias: string, version: number | null): Promise<void> {
  const path = `/prompts/${encodeURIComponent(name)}/aliases/${encodeURIComponent(alias)}`;
  await request(path, {}, version === null ? { method: "DELETE" } : { method: "PUT", json: { version } });
  await refreshPrompts();
}

const refreshPrompts = () => queryClient.invalidateQueries({ queryKey: ["prompts"] });
