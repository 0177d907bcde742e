// Two conversations beside each other: what is the same is folded, words that differ are marked.

import { useMemo } from "react";
import type { Message } from "../api/types";
import { MessageView } from "../chat/MessageView";
import { plural } from "../format";
import { Disclosure } from "../ui/Disclosure";
import { difference, hasNothingInCommon, Marked, type Side } from "./difference";
import { alignMessages, type Chat, chatOf, type MessagePair, textOf } from "./messages";

interface Row extends MessagePair {
  number: number;
}

/** Rows in order: runs of equal ones together. */
function runsOf(rows: MessagePair[]): Row[][] {
  const runs: Row[][] = [];
  rows.forEach((row, index) => {
    const last = runs[runs.length - 1];
    const numbered = { ...row, number: index + 1 };
    if (last?.[0]?.isSame && row.isSame) last.push(numbered);
    else runs.push([numbered]);
  });
  return runs;
}

export function Chats({ title, a, b }: { title: string; a: Message[]; b: Message[] }) {
  const [left, right] = useMemo(() => [chatOf(a), chatOf(b)], [a, b]);
  const runs = useMemo(() => runsOf(alignMessages(left, right)), [left, right]);
  const first = runs.find((run) => !run[0]?.isSame)?.[0];
  return (
    <section className="said" aria-label={title}>
      <h2 className="section-title">{title}</h2>
      {runs.map((run) =>
        run[0]?.isSame ? (
          <Disclosure
            key={run[0].number}
            summary={<span className="dim">{plural(run.length, "message")} the same</span>}
          >
            {() => (
              <ol className="conversation" aria-label={`${title}, the same in both`}>
                {run.map(
                  ({ number, a: message }) =>
                    message && <MessageView key={number} message={message} pairs={left.pairs} />,
                )}
              </ol>
            )}
          </Disclosure>
        ) : (
          run.map((row) => (
            <Differing key={row.number} title={title} row={row} left={left} right={right} isFirst={row === first} />
          ))
        ),
      )}
    </section>
  );
}

interface DifferingProps {
  title: string;
  row: Row;
  left: Chat;
  right: Chat;
  isFirst: boolean;
}

function Differing({ title, row, left, right, isFirst }: DifferingProps) {
  const { a, b, number } = row;
  const pieces = useMemo(
    () => (a && b ? difference(textOf(a, left.pairs), textOf(b, right.pairs)) : null),
    [a, b, left, right],
  );
  const bubble = (message: Message | null, chat: Chat, side: Side) => {
    const of = side.toUpperCase();
    if (!message) return <p className="dim missing">Not in {of}</p>;
    return (
      <ol className="conversation" data-side={of} aria-label={`${title}, message ${number} of ${of}`}>
        <MessageView message={message} pairs={chat.pairs}>
          {pieces && !hasNothingInCommon(pieces) && (
            <div className={`plain-text bubble ${isProse(message) ? "" : "mono"}`} dir="auto">
              <Marked pieces={pieces} side={side} />
            </div>
          )}
        </MessageView>
      </ol>
    );
  };
  return (
    <>
      {isFirst && number > 1 && <p className="first-difference">First difference</p>}
      <div className="sides chats">
        {bubble(a, left, "a")}
        {bubble(b, right, "b")}
      </div>
    </>
  );
}

const isProse = (message: Message) => message.parts.every((part) => part.type === "text");
