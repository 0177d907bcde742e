// All other attributes of a step.

import { useMemo, useState } from "react";
import { Link } from "wouter";
import type { Json, Span, Trace } from "../api/types";
import { fullTime } from "../format";
import { Cut } from "../text/Cut";
import { DEFAULT_LIMITS, LimitsProvider } from "../text/displayLimits";
import { isContainer } from "../text/exact";
import { JsonTree } from "../text/JsonTree";
import { CopyButton } from "../ui/Copy";
import { usePage } from "../ui/usePage";

const PAGE = 60;
const VALUE = { ...DEFAULT_LIMITS, characters: 700, lines: 12, entries: 12 };

export function Attributes({ span, trace, isRoot }: { span: Span; trace: Trace; isRoot: boolean }) {
  const [search, setSearch] = useState("");
  const needle = search.toLowerCase();
  const about: [string, Json][] = [
    ["span id", span.span_id],
    ["parent id", span.parent_id ?? null],
    ["trace id", trace.trace_id],
    ["started", fullTime(span.start_ns)],
    ["kind", span.kind],
    ["recorded by", span.scope],
  ];
  const all = useMemo(
    () => Object.entries(span.attributes).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)),
    [span.attributes],
  );
  const shown = useMemo(
    () => all.filter(([key, value]) => !needle || `${key} ${JSON.stringify(value)}`.toLowerCase().includes(needle)),
    [all, needle],
  );
  return (
    <>
      <Rows title="Step" rows={about.filter(([, value]) => value !== null)} />
      {all.length > 8 && (
        <input
          type="search"
          className="field attribute-search"
          placeholder="Find an attribute"
          aria-label="Find an attribute"
          value={search}
          onChange={(event) => setSearch(event.target.value)}
        />
      )}
      <Rows key={needle} title="Attributes" rows={shown} />
      {isRoot && Object.keys(trace.metadata).length > 0 && (
        <Rows title="Trace metadata" rows={Object.entries(trace.metadata)} />
      )}
      {span.links.length > 0 && (
        <section className="side">
          <h3 className="section-title">Links</h3>
          <ul className="links">
            {span.links.map((link) => (
              <li key={link.trace_id + link.span_id}>
                <Link className="mono" href={`/traces/${link.trace_id}?span=${link.span_id}`}>
                  {link.trace_id}
                </Link>
              </li>
            ))}
          </ul>
        </section>
      )}
    </>
  );
}

function Rows({ title, rows }: { title: string; rows: [string, Json][] }) {
  const [from, to, pager] = usePage(rows.length, PAGE, title.toLowerCase());
  if (!rows.length) return null;
  return (
    <section className="side">
      <h3 className="section-title">{title}</h3>
      {pager}
      <div className="table-scroll">
        <table className="plain attributes">
          <tbody>
            {rows.slice(from, to).map(([key, value]) => (
              <tr key={key}>
                <th scope="row" className="mono">
                  {key}
                </th>
                <td className="mono">
                  <LimitsProvider value={VALUE}>
                    {isShort(value) ? (
                      <Cut text={inWords(value)}>{(shown) => shown}</Cut>
                    ) : (
                      <JsonTree value={value} label={key} />
                    )}
                  </LimitsProvider>
                  {typeof value === "string" && value.length > 8 && (
                    <CopyButton className="copy" text={value} label={`Copy ${key}`} />
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

/** A plain value, or a short list of plain values. */
const isShort = (value: Json): boolean =>
  !isContainer(value) || (Array.isArray(value) && value.length <= 8 && !value.some(isContainer));

const inWords = (value: Json) => (Array.isArray(value) ? value.join(", ") : String(value));
