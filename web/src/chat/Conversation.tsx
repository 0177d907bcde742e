// What was said to a model and what it said, as one reads a conversation.

import { useState } from "react";
import type { Message, Part } from "../api/types";
import { JsonTree } from "../text/JsonTree";
import { useMode } from "../text/mode";
import { MessageView } from "./MessageView";
import { pairTools } from "./pairs";

interface Props {
  system?: Part[] | null;
  input: Message[];
  output: Message[];
}

const LONG = 14;
const HEAD = 2;
const TAIL = 8;

export function Conversation({ system, input, output }: Props) {
  const mode = useMode();
  const [isWhole, setWhole] = useState(false);
  const instructions: Message[] = system?.length ? [{ role: "system", parts: system }] : [];
  const asked = [...instructions, ...input];
  if (mode === "json") return <AsJson asked={asked} output={output} />;
  const pairs = pairTools([...asked, ...output]);
  const shown = asked.filter((message) => !pairs.isBesideItsCall(message));
  const isFolded = !isWhole && shown.length > LONG;
  const left = shown.length - HEAD - TAIL;
  return (
    <ol className="conversation" aria-label="Conversation">
      {(isFolded ? shown.slice(0, HEAD) : shown).map((message, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a message's place is its identity
        <MessageView key={index} message={message} pairs={pairs} />
      ))}
      {isFolded && (
        <li className="folded">
          <button type="button" className="button" onClick={() => setWhole(true)}>
            Show {left} earlier messages
          </button>
        </li>
      )}
      {isFolded &&
        shown.slice(-TAIL).map((message, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a message's place is its identity
          <MessageView key={`tail-${index}`} message={message} pairs={pairs} />
        ))}
      {output.map((message, index) => (
        <MessageView
          // biome-ignore lint/suspicious/noArrayIndexKey: a message's place is its identity
          key={`out-${index}`}
          message={message}
          pairs={pairs}
          isReply
          {...(output.length > 1 && { choice: `${index + 1} of ${output.length}` })}
        />
      ))}
    </ol>
  );
}

function AsJson({ asked, output }: { asked: Message[]; output: Message[] }) {
  return (
    <>
      <h3 className="section-title">Messages in</h3>
      <JsonTree value={asked as never} label="messages in" />
      <h3 className="section-title">Messages out</h3>
      <JsonTree value={output as never} label="messages out" />
    </>
  );
}
