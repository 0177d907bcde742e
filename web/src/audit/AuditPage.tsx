// What calls of models spent without need, over many traces.

import { useQuery } from "@tanstack/react-query";
import { useRef } from "react";
import { ApiError } from "../api/client";
import { count, money, plural } from "../format";
import { FilterBox } from "../traces/FilterBox";
import { useKeys } from "../ui/keys";
import { PageHead } from "../ui/PageHead";
import { Problem } from "../ui/Problem";
import { useSelection } from "../ui/range";
import { useUrlState } from "../ui/url";
import { Findings } from "./Findings";
import { audit } from "./queries";

export default function AuditPage() {
  const [url, setUrl] = useUrlState();
  const selection = useSelection(url);
  const query = useQuery(audit(selection));
  const box = useRef<HTMLInputElement>(null);
  useKeys({ "/": () => box.current?.focus() });
  const found = query.data;
  return (
    <div className="page">
      <PageHead title="Audit" url={url} onChange={setUrl} />
      <div className="toolbar page-filter">
        <FilterBox
          value={selection.filter}
          error={query.error}
          onChange={(filter) => setUrl({ filter })}
          box={box}
          label="Filter the audit"
        />
      </div>
      {query.error && !(query.error instanceof ApiError && query.error.code === "filter_syntax") ? (
        <Problem error={query.error} retry={() => void query.refetch()} />
      ) : null}
      {!found && query.isPending && <div className="skeleton" aria-busy="true" />}
      {found && (
        <>
          <p className="dim page-note num">
            {plural(found.calls, "call")} in the{" "}
            {found.traces === 1 ? "newest trace" : `newest ${count(found.traces)} traces`}
            {found.calls > 0 && (
              <>
                : {count(found.tokens)} tokens, {money(found.cost)}
              </>
            )}
          </p>
          <Findings found={found} />
        </>
      )}
    </div>
  );
}
