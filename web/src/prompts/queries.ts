// Registered prompts.

import { queryOptions } from "@tanstack/react-query";
import { ApiError, request } from "../api/client";
import type { Json } from "../api/types";

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
