// One part of a message: text, reasoning, a tool call with its result, an image, a refusal, or anything else as JSON.

import { Brain, FileText, ShieldAlert } from "lucide-react";
import type { Json, Part } from "../api/types";
import { sourceOf } from "../text/attachments";
import { Cut } from "../text/Cut";
import { isContainer } from "../text/exact";
import { JsonTree } from "../text/JsonTree";
import { Markdown } from "../text/Markdown";
import { Media } from "../text/Media";
import { useMode } from "../text/mode";
import { TextValue, Value } from "../text/Value";
import { Disclosure } from "../ui/Disclosure";
import { More } from "../ui/More";
import type { Pairs } from "./pairs";
import { ToolCall } from "./ToolCall";

export function PartView({ part, pairs }: { part: Part; pairs: Pairs }) {
  switch (part.type) {
    case "text":
      return <TextValue text={textOf(part.content)} label="structured output" />;
    case "reasoning":
    case "thinking":
      return <Reasoning text={textOf(part.content)} />;
    case "tool_call":
      return <ToolCall call={part} result={pairs.resultOf(part)} />;
    case "server_tool_call":
      return (
        <ToolCall
          call={{ ...part, arguments: part.server_tool_call ?? part.arguments ?? null }}
          result={pairs.resultOf(part)}
          isRemote
        />
      );
    case "server_tool_call_response":
      return <Result response={part.server_tool_call_response ?? part.response ?? null} />;
    case "tool_call_response":
      return <Result response={part.response ?? null} />;
    case "refusal":
      return (
        <div className="notice warn">
          <ShieldAlert aria-hidden />
          <span>
            Refused: <Cut text={textOf(part.content)}>{(shown) => shown}</Cut>
          </span>
        </div>
      );
    case "blob":
    case "uri":
      return <Content part={part} />;
    case "file":
      return (
        <span className="badge">
          <FileText aria-hidden /> {part.filename ?? part.modality ?? "file"} {part.file_id}
        </span>
      );
    case "json":
      return <Value value={part.content ?? null} label="content" />;
    default:
      return <JsonTree value={part as Json} label={part.type} />;
  }
}

const textOf = (content: Json | undefined) => (typeof content === "string" ? content : JSON.stringify(content ?? null));

function Reasoning({ text }: { text: string }) {
  const mode = useMode();
  return (
    <Disclosure
      className="reasoning"
      summary={
        <>
          <Brain className="icon" aria-hidden /> Reasoning{" "}
          <span className="dim">{text.length.toLocaleString("en-US")} characters</span>
        </>
      }
    >
      {() => (
        <Cut text={text}>
          {(shown) => (mode === "raw" ? <div className="plain-text mono">{shown}</div> : <Markdown text={shown} />)}
        </Cut>
      )}
    </Disclosure>
  );
}

const NO_PAIRS: Pairs = { resultOf: () => null, isPaired: () => false, isBesideItsCall: () => false };

export function Result({ response }: { response: Json }) {
  // a result can contain parts itself: text and images
  if (Array.isArray(response) && response.length && response.every(isPart))
    return (
      <More items={response as unknown as Part[]} first={12} step={12}>
        {(part, index) => <PartView key={index} part={part} pairs={NO_PAIRS} />}
      </More>
    );
  return <Value value={response} label="result" />;
}

const isPart = (item: Json) => isContainer(item) && !Array.isArray(item) && typeof item.type === "string";

function Content({ part }: { part: Part }) {
  const source = sourceOf(part);
  if (source) return <Media source={source} name={part.filename} transcript={part.transcript} />;
  return <JsonTree value={part as Json} label={part.modality ?? "content"} />;
}
