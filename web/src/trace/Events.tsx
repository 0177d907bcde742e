// Events of a step with their times: above all the chunks of a stream.

import { useState } from "react";
import type { Json, Span, SpanEvent } from "../api/types";
import { count, duration, fineDuration, fullTime } from "../format";
import { isContainer } from "../text/exact";
import { JsonTree } from "../text/JsonTree";

const CHUNK = "tracer.stream.chunk";
const SHOWN = 100;
const MORE = 200;

export function Events({ span }: { span: Span }) {
  const [shown, setShown] = useState(SHOWN);
  if (!span.events.length) return <p className="dim">Nothing was recorded during this step.</p>;
  const chunks = span.events.filter((event) => event.name === CHUNK).length;
  const leftOut = Number(span.attributes["tracer.stream.chunks_left_out"] ?? 0);
  return (
    <>
      {chunks > 0 && (
        <p className="events-sum dim">
          {count(chunks)} chunks
          {span.first_chunk_ns ? `, the first after ${duration(span.first_chunk_ns)}` : ""}
          {leftOut > 0 ? `; ${count(leftOut)} more were left out` : ""}
        </p>
      )}
      <ol className="events">
        {span.events.slice(0, shown).map((event, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: events have no other identity
          <EventRow key={index} event={event} start={span.start_ns} before={span.events[index - 1]} />
        ))}
      </ol>
      {span.events.length > shown && (
        <button type="button" className="button" onClick={() => setShown(shown + MORE)}>
          Show {count(span.events.length - shown)} more
        </button>
      )}
    </>
  );
}

function EventRow({ event, start, before }: { event: SpanEvent; start: number; before: SpanEvent | undefined }) {
  const [isOpen, setOpen] = useState(false);
  const chunk = event.attributes["tracer.chunk"];
  const content = chunk === undefined ? event.attributes : chunk;
  return (
    <li>
      <details onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>
          <span className="num event-time" title={fullTime(event.time_ns)}>
            +{fineDuration(event.time_ns - start)}
          </span>
          <span className="num event-gap dim">{before ? `Δ ${fineDuration(event.time_ns - before.time_ns)}` : ""}</span>
          <span className="event-name">{event.name === CHUNK ? <ChunkText chunk={content} /> : event.name}</span>
        </summary>
        {isOpen && <JsonTree value={content as Json} label="event" />}
      </details>
    </li>
  );
}

/** The text that a chunk added, if its shape is known. */
function ChunkText({ chunk }: { chunk: Json }) {
  const text = deltaOf(chunk);
  if (text) return <span className="mono chunk-text">{text.slice(0, 300).replaceAll("\n", "↵")}</span>;
  const kind = isContainer(chunk) && !Array.isArray(chunk) && typeof chunk.type === "string" ? chunk.type : "chunk";
  return <span className="dim">{kind}</span>;
}

type Fields = { [key: string]: Json };
const fields = (value: Json | undefined): Fields => (isContainer(value) && !Array.isArray(value) ? value : {});

export function deltaOf(chunk: Json): string {
  const outer = fields(chunk);
  if (typeof outer.delta === "string") return outer.delta;
  const choice = Array.isArray(outer.choices) ? fields(outer.choices[0]) : {};
  const delta = fields(choice.delta ?? outer.message);
  for (const text of [delta.content, delta.reasoning_content, delta.thinking, choice.text, outer.response])
    if (typeof text === "string" && text) return text;
  const call = Array.isArray(delta.tool_calls) ? fields(fields(delta.tool_calls[0]).function) : {};
  return [call.name, call.arguments].filter((text) => typeof text === "string").join(" ");
}
