// A model's call as a conversation, with the tools it was offered and the settings it was asked with.

import { Wrench } from "lucide-react";
import type { Span } from "../api/types";
import { Conversation } from "../chat/Conversation";
import { ToolDefinitions } from "../chat/ToolDefinitions";

const SETTING = "gen_ai.request.";
const NOT_SETTINGS = new Set(["gen_ai.request.model", "gen_ai.request.stream"]);

export function ChatTab({ span }: { span: Span }) {
  const settings = Object.entries(span.attributes).filter(([key]) => key.startsWith(SETTING) && !NOT_SETTINGS.has(key));
  return (
    <div className="chat">
      {(settings.length > 0 || span.tools?.length) && (
        <div className="chat-settings">
          {settings.map(([key, value]) => (
            <span key={key} className="badge">
              {key.slice(SETTING.length).replaceAll("_", " ")}{" "}
              <b className="num">{typeof value === "object" ? JSON.stringify(value) : String(value)}</b>
            </span>
          ))}
        </div>
      )}
      {span.tools && span.tools.length > 0 && (
        <details className="tools-offered">
          <summary>
            <Wrench className="icon" aria-hidden /> {span.tools.length} {span.tools.length === 1 ? "tool" : "tools"}{" "}
            offered
          </summary>
          <ToolDefinitions tools={span.tools} />
        </details>
      )}
      <Conversation
        system={span.system_instructions}
        input={span.input_messages ?? []}
        output={span.output_messages ?? []}
      />
    </div>
  );
}
