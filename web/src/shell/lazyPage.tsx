// Pages whose code is loaded when they are opened, also after the server was away or was updated.

import { queryOptions, useQuery } from "@tanstack/react-query";
import type { ComponentType } from "react";
import { request } from "../api/client";
import { Problem } from "../ui/Problem";

type Load<P> = () => Promise<{ default: ComponentType<P> }>;

/** The build after whose loading a page was still missing: it is loaded anew for that once. */
const RELOADED = "tracer.reloaded";

/** A page that is loaded when it is shown, or before that with the query `code`. */
export function lazyPage<P extends object>(name: string, load: Load<P>) {
  const code = codeOf(name, load);
  const Page = (props: P) => {
    const { data: Loaded, error, refetch } = useQuery(code);
    if (Loaded) return <Loaded {...props} />;
    if (!error) return <p className="pad dim">Loading…</p>;
    return (
      <div className="page-empty">
        <h1>This page is not loaded yet</h1>
        <Problem error={error} retry={() => void refetch()} />
      </div>
    );
  };
  return Object.assign(Page, { code });
}

function codeOf<P>(name: string, load: Load<P>) {
  let hasFailed = false;
  return queryOptions({
    queryKey: ["code", name],
    queryFn: async () => {
      if (hasFailed) return loadAnew(name);
      try {
        const loaded = await load();
        sessionStorage.removeItem(RELOADED);
        return loaded.default;
      } catch {
        hasFailed = true;
        return loadAnew(name);
      }
    },
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: Number.POSITIVE_INFINITY,
    retry: false,
  });
}

/**
 * Loads the whole page again once the server answers: browsers keep a failed import, and a newer build has other
 * files. Raises ApiError while the server is away.
 */
async function loadAnew(name: string): Promise<never> {
  await request("/server");
  const build = document.querySelector<HTMLScriptElement>("script[type=module]")?.src ?? "";
  if (sessionStorage.getItem(RELOADED) === build)
    throw new Error(`The server answers, but has no file for this page (${name}): it is not installed as a whole.`);
  sessionStorage.setItem(RELOADED, build);
  window.location.reload();
  return new Promise(() => undefined);
}
