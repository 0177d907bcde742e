// One step of each trace: inputs and outputs with their differences marked.

import { useQuery } from "@tanstack/react-query";
import { diffLines, diffWordsWithSpace } from "diff";
import { useMemo } from "react";
import { spanPayload } from "../api/queries";
import type { Json, Message, Span, Trace } from "../api/types";
import { plural } from "../format";
import { Disclosure } from "../ui/Disclosure";
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
          <Said title="Input" a={a.data} b={b.data} side="in" />
          <Said title="Output" a={a.data} b={b.data} side="out" />
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

/** Messages one by one, where both steps have some; else the values as text. */
function Said({ title, a, b, side }: { title: string; a: Span | undefined; b: Span | undefined; side: "in" | "out" }) {
  const [left, right] = [messagesOf(a, side), messagesOf(b, side)];
  if (!left.length || !right.length) return <Difference title={title} a={textOf(a, side)} b={textOf(b, side)} />;
  const rows = Array.from({ length: Math.max(left.length, right.length) }, (_, index) => ({
    a: left[index] ? said(left[index]) : "",
    b: right[index] ? said(right[index]) : "",
    role: (right[index] ?? left[index])?.role ?? "",
    key: `message ${index}`,
  }));
  const first = rows.findIndex((row) => row.a !== row.b);
  const same = first < 0 ? rows.length : first;
  return (
    <section className="said">
      <h2 className="section-title">{title}</h2>
      {same > 0 && (
        <Disclosure summary={<span className="dim">{plural(same, "message")} the same</span>}>
          {() => rows.slice(0, same).map((row) => <Same key={row.key} title={row.role} text={row.a} />)}
        </Disclosure>
      )}
      {rows.slice(same).map((row) => (
        <Difference key={row.key} title={row.role} a={row.a} b={row.b} label={`${title} of`} />
      ))}
    </section>
  );
}

const messagesOf = (span: Span | undefined, side: "in" | "out") =>
  (side === "in" ? span?.input_messages : span?.output_messages) ?? [];

function Same({ title, text }: { title: string; text: string }) {
  return (
    <div>
      <p className="section-title">{title}</p>
      <div className="plain-text mono" dir="auto">
        {text}
      </div>
    </div>
  );
}

const pretty = (value: Json | undefined) =>
  value === undefined || value === null ? "" : typeof value === "string" ? value : JSON.stringify(value, null, 2);

function textOf(span: Span | undefined, side: "in" | "out"): string {
  if (!span) return "";
  const messages = messagesOf(span, side);
  return messages.length
    ? messages.map((one) => `${one.role}:\n${said(one)}`).join("\n\n")
    : pretty(side === "in" ? span.inputs : span.outputs);
}

function said(message: Message): string {
  const parts = message.parts.map((part) =>
    typeof part.content === "string" ? part.content : JSON.stringify(part, null, 2),
  );
  return parts.join("\n");
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

function Difference({ title, a, b, label = `${title} of` }: { title: string; a: string; b: string; label?: string }) {
  const pieces = useMemo(() => difference(a, b), [a, b]);
  if (!a && !b) return null;
  if (a === b)
    return (
      <Disclosure
        className="same"
        summary={
          <>
            {title} <span className="badge">the same</span>
          </>
        }
      >
        {() => (
          <div className="plain-text mono" dir="auto">
            {a}
          </div>
        )}
      </Disclosure>
    );
  return (
    <section>
      <h2 className="section-title">
        {title} {pieces.length === 2 && a && b && <span className="badge">nothing in common</span>}
      </h2>
      <div className="sides">
        {(["removed", "added"] as const).map((mine) => (
          <div
            key={mine}
            className="plain-text mono diff"
            tabIndex={0}
            role="group"
            aria-label={`${label} ${mine === "removed" ? "A" : "B"}`}
            dir="auto"
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
