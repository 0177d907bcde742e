// A model call as a conversation, with the offered tools and the settings of the request.

import { Wrench } from "lucide-react";
import type { Span } from "../api/types";
import { Conversation } from "../chat/Conversation";
import { ToolDefinitions } from "../chat/ToolDefinitions";
import { plural } from "../format";
import { isContainer } from "../text/exact";
import { Disclosure } from "../ui/Disclosure";

const SETTING = "gen_ai.request.";
const NOT_SETTINGS = new Set(["gen_ai.request.model", "gen_ai.request.stream"]);

export function ChatTab({ span }: { span: Span }) {
  const settings = Object.entries(span.attributes).filter(([key]) => key.startsWith(SETTING) && !NOT_SETTINGS.has(key));
  const tools = span.tools ?? [];
  return (
    <div className="chat">
      {settings.length > 0 && (
        <div className="chat-settings">
          {settings.map(([key, value]) => (
            <span key={key} className="badge">
              {key.slice(SETTING.length).replaceAll("_", " ")}{" "}
              <b className="num">{isContainer(value) ? JSON.stringify(value) : String(value)}</b>
            </span>
          ))}
        </div>
      )}
      {tools.length > 0 && (
        <Disclosure
          className="tools-offered"
          summary={
            <>
              <Wrench className="icon" aria-hidden /> {plural(tools.length, "tool")} offered
            </>
          }
        >
          {() => <ToolDefinitions tools={tools} />}
        </Disclosure>
      )}
      <Conversation
        system={span.system_instructions}
        input={span.input_messages ?? []}
        output={span.output_messages ?? []}
      />
    </div>
  );
}
