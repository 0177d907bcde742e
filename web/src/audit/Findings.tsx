// Findings of the audit, the dearest first: what, where, how much, and the calls.

import { Link } from "wouter";
import { count, money, plural } from "../format";
import type { Audit, Finding } from "./queries";

/** A step of one trace, or the dearest one of several traces. */
const addressOf = ({ traces, span_id }: Finding) => `/traces/${traces[0]}${span_id ? `?span=${span_id}&tab=chat` : ""}`;

/** Of one trace, sums are of it alone and not of a day. */
export function Findings({ found, isOfOne = false }: { found: Audit; isOfOne?: boolean }) {
  if (!found.findings.length) return <p className="dim">Nothing was spent without need, as far as the records show.</p>;
  return (
    <ul className="findings">
      {found.findings.map((finding) => (
        <li key={`${finding.kind} ${finding.step} ${finding.place} ${finding.reason}`}>
          <h2>
            <span className="badge">{finding.kind}</span> <span dir="auto">{finding.reason}</span>
          </h2>
          <p className="num">
            <Link href={addressOf(finding)}>
              {finding.place} of {finding.step}
            </Link>
            {", "}
            {isOfOne
              ? `${count(finding.tokens)} tokens, ${money(finding.cost)}`
              : `${count(finding.tokens_per_day)} tokens a day, ${money(finding.cost_per_day)} a day`}
            {", "}
            {plural(finding.calls, "call")}
            {finding.traces.length > 1 && <> in {plural(finding.traces.length, "trace")}</>}
          </p>
        </li>
      ))}
    </ul>
  );
}
