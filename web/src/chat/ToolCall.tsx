// A tool call and its result, side by side.

import { Wrench } from "lucide-react";
import type { Json, Part } from "../api/types";
import { isContainer } from "../text/exact";
import { Value } from "../text/Value";
import { Result } from "./PartView";

export function ToolCall({ call, result, isRemote = false }: { call: Part; result: Part | null; isRemote?: boolean }) {
  return (
    <div className="tool-call" role="group" aria-label={`Tool call ${call.name ?? ""}`}>
      <div className="tool-head">
        <Wrench className="icon" aria-hidden />
        <span className="mono">{call.name ?? "tool"}</span>
        {isRemote && <span className="badge">run by the provider</span>}
        {call.id && <span className="dim mono tool-id">{call.id}</span>}
      </div>
      <div className="tool-sides">
        <div>
          <div className="tool-label">Arguments</div>
          {isEmpty(call.arguments) ? (
            <span className="dim">none</span>
          ) : (
            <Value value={call.arguments ?? null} label="arguments" />
          )}
        </div>
        <div>
          <div className="tool-label">Result</div>
          {result ? (
            <Result response={result.server_tool_call_response ?? result.response ?? null} />
          ) : (
            <span className="dim">{isRemote ? "with the provider" : "not in this call"}</span>
          )}
        </div>
      </div>
    </div>
  );
}

const isEmpty = (value: unknown) =>
  value === null ||
  value === undefined ||
  value === "" ||
  (isContainer(value as Json) && Object.keys(value).length === 0);
