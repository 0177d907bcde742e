// What was said in a trace: input and output or the conversation, and the documents that were found.

import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { spanPayload } from "../api/queries";
import type { Span, TraceAnswer } from "../api/types";
import { ChatTab } from "../trace/ChatTab";
import { Documents } from "../trace/Documents";
import { documentsIn } from "../trace/documents";
import { InOut } from "../trace/InOut";
import { buildTree, everyRow, lastModelCall, type Node } from "../trace/tree";
import { Problem } from "../ui/Problem";
import { Segments } from "../ui/Segments";

export type View = "io" | "chat";

const VIEWS = [
  ["io", "Input & output"],
  ["chat", "Conversation"],
] as const;
const MOST_RETRIEVERS = 4;

interface Props {
  answer: TraceAnswer;
  view: View;
  onView: (view: View) => void;
}

export function Said({ answer, view, onView }: Props) {
  const { trace, spans } = answer;
  const tree = useMemo(() => buildTree(spans, Date.now()), [spans]);
  const root = tree.roots[0];
  const retrievers = useMemo(
    () =>
      everyRow(tree)
        .filter((node) => node.span.type === "RETRIEVER")
        .slice(0, MOST_RETRIEVERS),
    [tree],
  );
  if (!root) return <p className="dim">This trace has no steps.</p>;
  return (
    <>
      <Content traceId={trace.trace_id} root={root} view={view} onView={onView} />
      {retrievers.map((node) => (
        <Found key={node.span.span_id} traceId={trace.trace_id} node={node} />
      ))}
    </>
  );
}

const payloadOf = (traceId: string, node: Node) => spanPayload(traceId, node.span.span_id, node.span.duration_ns ?? 0);

const hasMessages = (span: Span) => Boolean(span.input_messages?.length || span.output_messages?.length);

function Content({
  traceId,
  root,
  view,
  onView,
}: {
  traceId: string;
  root: Node;
  view: View;
  onView: Props["onView"];
}) {
  const { data: span, error, refetch } = useQuery(payloadOf(traceId, root));
  const call = useMemo(() => lastModelCall(root), [root]);
  if (error) return <Problem error={error} retry={() => void refetch()} />;
  if (!span) return <div className="skeleton" aria-busy="true" />;
  if (hasMessages(span)) return <ChatTab span={span} />;
  return (
    <>
      {call && <Segments label="Show" value={view} options={VIEWS} onChange={onView} />}
      {call && view === "chat" ? <Call traceId={traceId} node={call} /> : <InOut span={span} isRunning={false} />}
    </>
  );
}

function Call({ traceId, node }: { traceId: string; node: Node }) {
  const { data: span, error } = useQuery(payloadOf(traceId, node));
  if (error) return <Problem error={error} />;
  if (!span) return <div className="skeleton" aria-busy="true" />;
  return hasMessages(span) ? <ChatTab span={span} /> : <InOut span={span} isRunning={false} />;
}

function Found({ traceId, node }: { traceId: string; node: Node }) {
  const { data: span } = useQuery(payloadOf(traceId, node));
  const documents = span ? documentsIn(span.outputs) : null;
  if (!documents) return null;
  return (
    <section className="side">
      <h3 className="section-title">Found by {node.span.name}</h3>
      <Documents documents={documents} />
    </section>
  );
}
