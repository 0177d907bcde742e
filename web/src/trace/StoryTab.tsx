// The conversation of a step that called models: the messages of its last model call.

import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { spanPayload } from "../api/queries";
import { Conversation } from "../chat/Conversation";
import { Problem } from "../ui/Problem";
import { TypeIcon } from "../ui/SpanType";
import type { Node } from "./tree";

interface Props {
  traceId: string;
  call: Node;
  onSelect: (spanId: string) => void;
  /** What is shown where that call has no messages. */
  children: ReactNode;
}

export function StoryTab({ traceId, call, onSelect, children }: Props) {
  const { data: span, error } = useQuery(spanPayload(traceId, call.span.span_id, call.span.duration_ns ?? 0));
  if (error) return <Problem error={error} />;
  if (!span) return <div className="skeleton" />;
  return (
    <>
      <p className="story-note dim">
        What its last model call saw and said:
        <button type="button" className="link-button step-link" onClick={() => onSelect(call.span.span_id)}>
          <TypeIcon type={call.span.type} /> {call.span.name}
        </button>
      </p>
      {span.input_messages?.length || span.output_messages?.length ? (
        <Conversation
          system={span.system_instructions}
          input={span.input_messages ?? []}
          output={span.output_messages ?? []}
        />
      ) : (
        <>
          <p className="dim">No messages were recorded with it.</p>
          {children}
        </>
      )}
    </>
  );
}
