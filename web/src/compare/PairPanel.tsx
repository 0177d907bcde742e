// One step of each trace: inputs and outputs with their differences marked.

import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { spanPayload } from "../api/queries";
import type { Message, Span, Trace } from "../api/types";
import { Conversation } from "../chat/Conversation";
import { Disclosure } from "../ui/Disclosure";
import { Problem } from "../ui/Problem";
import { StateBadge } from "../ui/State";
import type { Pair } from "./align";
import { Chats } from "./Chats";
import { difference, hasNothingInCommon, Marked, pretty } from "./difference";

export function PairPanel({ pair, traceA, traceB }: { pair: Pair; traceA: Trace; traceB: Trace }) {
  const a = useQuery({ ...spanPayload(traceA.trace_id, pair.a?.span.span_id ?? ""), enabled: pair.a !== null });
  const b = useQuery({ ...spanPayload(traceB.trace_id, pair.b?.span.span_id ?? ""), enabled: pair.b !== null });
  const problem = a.error ?? b.error;
  const isReady = (pair.a === null || a.data) && (pair.b === null || b.data);
  return (
    <article className="pair-panel" aria-label="The step in both traces">
      {problem && <Problem error={problem} retry={() => void (a.error ? a : b).refetch()} />}
      {isReady && !(pair.a && pair.b) && <OnlyOne span={(a.data ?? b.data) as Span} />}
      {isReady && pair.a && pair.b && (
        <>
          <div className="sides side-heads" aria-hidden="true">
            <span className="side-mark side-a">A</span>
            <span className="side-mark side-b">B</span>
          </div>
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

/** A step that one of the traces has. */
function OnlyOne({ span }: { span: Span }) {
  const [asked, replied] = [messagesOf(span, "in"), messagesOf(span, "out")];
  return (
    <>
      {asked.length || replied.length ? (
        <Conversation system={span.system_instructions} input={asked} output={replied} />
      ) : (
        <>
          <Text title="Input" text={textOf(span, "in")} />
          <Text title="Output" text={textOf(span, "out")} />
        </>
      )}
      {span.status === "ERROR" && (
        <section>
          <StateBadge state={span.status} /> {span.message}
        </section>
      )}
      <Text title="Attributes" text={attributesOf(span)} />
    </>
  );
}

function Text({ title, text }: { title: string; text: string }) {
  if (!text) return null;
  return (
    <section>
      <h2 className="section-title">{title}</h2>
      <div className="plain-text mono diff" dir="auto">
        {text}
      </div>
    </section>
  );
}

/** Messages one by one, where both steps have some; else the values as text. */
function Said({ title, a, b, side }: { title: string; a: Span | undefined; b: Span | undefined; side: "in" | "out" }) {
  const [left, right] = [messagesOf(a, side), messagesOf(b, side)];
  if (left.length && right.length) return <Chats title={title} a={left} b={right} />;
  return <Difference title={title} a={textOf(a, side)} b={textOf(b, side)} />;
}

const messagesOf = (span: Span | undefined, side: "in" | "out") =>
  (side === "in" ? span?.input_messages : span?.output_messages) ?? [];

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

function Difference({ title, a, b }: { title: string; a: string; b: string }) {
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
        {title} {hasNothingInCommon(pieces) && a && b && <span className="badge">nothing in common</span>}
      </h2>
      <div className="sides">
        {(["a", "b"] as const).map((side) => (
          <div
            key={side}
            className="plain-text mono diff"
            tabIndex={0}
            role="group"
            aria-label={`${title} of ${side.toUpperCase()}`}
            dir="auto"
          >
            {(side === "a" ? a : b) ? (
              <Marked pieces={pieces} side={side} />
            ) : (
              <span className="dim">None recorded.</span>
            )}
          </div>
        ))}
      </div>
    </section>
  );
}
