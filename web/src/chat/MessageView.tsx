// One message: its role and its parts.

import { Bot, Cog, type LucideIcon, MessageSquare, User, Wrench } from "lucide-react";
import { type ReactNode, useMemo } from "react";
import type { Message } from "../api/types";
import { CopyButton } from "../ui/Copy";
import { More } from "../ui/More";
import { Folded } from "./Folded";
import { PartView } from "./PartView";
import type { Pairs } from "./pairs";

const ROLES: Record<string, [string, LucideIcon]> = {
  system: ["System", Cog],
  developer: ["Developer", Cog],
  user: ["User", User],
  assistant: ["Assistant", Bot],
  tool: ["Tool", Wrench],
};

const PARTS = 12;

interface Props {
  message: Message;
  pairs: Pairs;
  isReply?: boolean;
  choice?: string;
  /** Shown in place of the parts. */
  children?: ReactNode;
}

export function MessageView({ message, pairs, isReply = false, choice, children }: Props) {
  const [word, Icon] = ROLES[message.role] ?? [message.role, MessageSquare];
  const reason = message.finish_reason;
  const text = useMemo(() => textOf(message), [message]);
  return (
    <li className={`message role-${ROLES[message.role] ? message.role : "other"} ${isReply ? "reply" : ""}`}>
      <div className="message-head">
        <Icon className="icon" aria-hidden />
        <h3 className="message-role">{word}</h3>
        {message.name && <span className="dim">{message.name}</span>}
        {choice && <span className="badge">Choice {choice}</span>}
        {reason && reason !== "stop" && reason !== "completed" && (
          <span className={`badge ${["length", "content_filter", "error"].includes(reason) ? "warn" : ""}`}>
            {finish(reason)}
          </span>
        )}
        <CopyButton className="copy" text={text} label="Copy message" />
      </div>
      <div className="message-body">
        <Folded
          characters={text.length}
          lines={linesOf(text)}
          startsFolded={!children && (message.role === "system" || message.role === "developer")}
        >
          {message.parts.length === 0 && <span className="dim">(empty)</span>}
          {children || (
            <More items={message.parts.filter((part) => !pairs.isPaired(part))} first={PARTS} step={PARTS}>
              {(part, index) => <PartView key={index} part={part} pairs={pairs} />}
            </More>
          )}
        </Folded>
      </div>
    </li>
  );
}

const finish = (reason: string) =>
  ({
    length: "cut at the token limit",
    content_filter: "stopped by the content filter",
    tool_calls: "calls tools",
    tool_call: "calls tools",
  })[reason] ?? reason;

function linesOf(text: string): number {
  let lines = 1;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) lines++;
  return lines;
}

function textOf(message: Message): string {
  return message.parts
    .map((part) => {
      if (typeof part.content === "string") return part.content;
      if (part.type === "tool_call") return `${part.name}(${JSON.stringify(part.arguments)})`;
      return JSON.stringify(part.type === "tool_call_response" ? part.response : part);
    })
    .join("\n\n");
}
