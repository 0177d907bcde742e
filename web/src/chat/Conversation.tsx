// Input and output messages of a model call as a conversation.

import { useMemo, useState } from "react";
import type { Message, Part } from "../api/types";
import { count } from "../format";
import { LimitsProvider, sharedLimits, useLimits } from "../text/displayLimits";
import { JsonTree } from "../text/JsonTree";
import { useMode } from "../text/mode";
import { More } from "../ui/More";
import { MessageView } from "./MessageView";
import { pairTools } from "./pairs";
import { earlier, firstWindow, later } from "./window";

interface Props {
  system?: Part[] | null;
  input: Message[];
  output: Message[];
}

const MOST_CHOICES = 8;

export function Conversation({ system, input, output }: Props) {
  const mode = useMode();
  const limits = useLimits();
  const asked = useMemo<Message[]>(
    () => [...(system?.length ? [{ role: "system", parts: system }] : []), ...input],
    [system, input],
  );
  const pairs = useMemo(() => pairTools([...asked, ...output]), [asked, output]);
  const shown = useMemo(() => asked.filter((message) => !pairs.isBesideItsCall(message)), [asked, pairs]);
  const [window, setWindow] = useState(() => firstWindow(shown.length));
  if (mode === "json") return <AsJson asked={asked} output={output} />;
  const { head, from, to } = window.of === shown.length ? window : firstWindow(shown.length);
  const one = (message: Message, index: number) => <MessageView key={index} message={message} pairs={pairs} />;
  return (
    <LimitsProvider value={sharedLimits(limits, head + to - from + output.length)}>
      <ol className="conversation" aria-label="Conversation">
        {shown.slice(0, head).map(one)}
        {from > head && (
          <Fold word="earlier" left={from - head} onMore={() => setWindow((before) => earlier(before))} />
        )}
        {shown.slice(from, to).map((message, index) => one(message, from + index))}
        {to < shown.length && (
          <Fold word="later" left={shown.length - to} onMore={() => setWindow((before) => later(before))} />
        )}
        <More items={output} first={MOST_CHOICES} step={MOST_CHOICES} isList>
          {(message, index) => (
            <MessageView
              key={`out-${index}`}
              message={message}
              pairs={pairs}
              isReply
              {...(output.length > 1 && { choice: `${index + 1} of ${output.length}` })}
            />
          )}
        </More>
      </ol>
    </LimitsProvider>
  );
}

function Fold({ word, left, onMore }: { word: string; left: number; onMore: () => void }) {
  return (
    <li className="folded">
      <button type="button" className="button" onClick={onMore}>
        Show {count(left)} {word} {left === 1 ? "message" : "messages"}
      </button>
    </li>
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
