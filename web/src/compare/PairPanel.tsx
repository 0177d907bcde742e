// One step of each trace: inputs and outputs with their differences marked.

import { useQuery } from "@tanstack/react-query";
import { diffLines, diffWordsWithSpace } from "diff";
import { useMemo } from "react";
import { spanPayload } from "../api/queries";
import type { Json, Message, Span, Trace } from "../api/types";
import { Problem } from "../ui/Problem";
import { StateBadge } from "../ui/State";
import type { Pair } from "./align";

const TOO_LONG = 30_000;

export function PairPanel({ pair, traceA, traceB }: { pair: Pair; traceA: Trace; traceB: Trace }) {
  const a = useQuery({ ...spanPayload(traceA.trace_id, pair.a?.span.span_id ?? ""), enabled: pair.a !== null });
  const b = useQuery({ ...spanPayload(traceB.trace_id, pair.b?.span.span_id ?? ""), enabled: pair.b !== null });
  const problem = a.error ?? b.error;
  const isReady = (pair.a === null || a.data) && (pair.b === null || b.data);
  return (
    <article className="pair-panel" aria-label="The step in both traces">
      {problem && <Problem error={problem} />}
      {isReady && (
        <>
          <Difference title="Input" a={textOf(a.data, "in")} b={textOf(b.data, "in")} />
          <Difference title="Output" a={textOf(a.data, "out")} b={textOf(b.data, "out")} />
          {(a.data?.status === "ERROR" || b.data?.status === "ERROR") && (
            <section className="sides">
              {[a.data, b.data].map((span, index) => (
                <div key={index ? "b" : "a"}>
                  {span && <StateBadge state={span.status} />} {span?.message}
                </div>
              ))}
            </section>
          )}
          <Difference title="Attributes" a={attributesOf(a.data)} b={attributesOf(b.data)} />
        </>
      )}
    </article>
  );
}

const pretty = (value: Json | undefined) =>
  value === undefined || value === null ? "" : typeof value === "string" ? value : JSON.stringify(value, null, 2);

function textOf(span: Span | undefined, side: "in" | "out"): string {
  if (!span) return "";
  const messages = side === "in" ? span.input_messages : span.output_messages;
  return messages?.length ? messages.map(said).join("\n\n") : pretty(side === "in" ? span.inputs : span.outputs);
}

function said(message: Message): string {
  const parts = message.parts.map((part) =>
    typeof part.content === "string" ? part.content : JSON.stringify(part, null, 2),
  );
  return `${message.role}:\n${parts.join("\n")}`;
}

function attributesOf(span: Span | undefined): string {
  if (!span) return "";
  const rows = Object.entries(span.attributes).sort(([x], [y]) => x.localeCompare(y));
  return rows.map(([key, value]) => `${key}: ${pretty(value)}`).join("\n");
}

type Piece = { value: string; added: boolean; removed: boolean };

const replaced = (a: string, b: string): Piece[] => [
  { value: a, added: false, removed: true },
  { value: b, added: true, removed: false },
];

/** Differences word by word; two texts with little in common are shown unmarked. */
function difference(a: string, b: string): Piece[] {
  const options = { timeout: 500 };
  const changes = a.length + b.length > TOO_LONG ? diffLines(a, b, options) : diffWordsWithSpace(a, b, options);
  const kept = changes?.reduce((sum, piece) => sum + (piece.added || piece.removed ? 0 : piece.value.length), 0) ?? 0;
  return changes && kept * 3 > Math.min(a.length, b.length) ? changes : replaced(a, b);
}

function Difference({ title, a, b }: { title: string; a: string; b: string }) {
  const pieces = useMemo(() => difference(a, b), [a, b]);
  if (!a && !b) return null;
  const isSame = a === b;
  return (
    <section>
      <h2 className="section-title">
        {title} {isSame && <span className="badge">the same</span>}
        {pieces.length === 2 && !isSame && a && b && <span className="badge">nothing in common</span>}
      </h2>
      <div className="sides">
        {(["removed", "added"] as const).map((mine) => (
          <div
            key={mine}
            className="plain-text mono diff"
            tabIndex={0}
            role="group"
            aria-label={`${title} of ${mine === "removed" ? "A" : "B"}`}
          >
            {pieces.map((piece, index) => {
              if (piece[mine === "removed" ? "added" : "removed"]) return null;
              if (!piece[mine] || pieces.length === 2) return piece.value;
              const Tag = mine === "removed" ? "del" : "ins";
              // biome-ignore lint/suspicious/noArrayIndexKey: pieces of a text
              return <Tag key={index}>{piece.value}</Tag>;
            })}
          </div>
        ))}
      </div>
    </section>
  );
}
