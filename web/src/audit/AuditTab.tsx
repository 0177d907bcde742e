// What the calls of one trace spent without need.

import { useQuery } from "@tanstack/react-query";
import { condition } from "../traces/conditions";
import { Problem } from "../ui/Problem";
import { Findings } from "./Findings";
import { audit } from "./queries";

export function AuditTab({ traceId }: { traceId: string }) {
  const query = useQuery(audit({ filter: condition("trace_id", traceId) }));
  if (query.isError) return <Problem error={query.error} retry={() => void query.refetch()} />;
  if (!query.data) return <div className="skeleton" aria-busy="true" />;
  return <Findings found={query.data} isOfOne />;
}
