// Feedback on a trace with one click; a second one takes it back.

import { ThumbsDown, ThumbsUp } from "lucide-react";
import { useState } from "react";
import { request } from "../api/client";
import { queryClient } from "../api/queries";
import type { Trace } from "../api/types";
import { useRemembered } from "../ui/remembered";

const NAME = "helpful";

export function Thumbs({ trace }: { trace: Trace }) {
  const [author] = useRemembered("feedback.author", "");
  const id = author.trim() || "default";
  const mine = trace.assessments.find(
    (one) =>
      one.name === NAME &&
      !one.span_id &&
      one.type === "feedback" &&
      one.source.type === "HUMAN" &&
      one.source.id === id,
  );
  // shown at once, until the trace says so itself
  const [wanted, setWanted] = useState<boolean | null>();
  const [isRefused, setRefused] = useState(false);
  const value = wanted === undefined ? (mine?.value ?? null) : wanted;
  const give = (given: boolean) => {
    const next = value === given ? null : given;
    setWanted(next);
    setRefused(false);
    const path = `/traces/${encodeURIComponent(trace.trace_id)}/assessments`;
    const source = { type: "HUMAN", id };
    const doing: Promise<unknown> =
      next === null
        ? mine
          ? request(`${path}/${encodeURIComponent(mine.id)}`, {}, { method: "DELETE" })
          : Promise.resolve()
        : mine
          ? request(`${path}/${encodeURIComponent(mine.id)}`, {}, { method: "PATCH", json: { value: next } })
          : request(path, {}, { method: "POST", json: { name: NAME, value: next, source } });
    void doing
      .then(() => queryClient.invalidateQueries({ queryKey: ["trace", trace.trace_id] }))
      .catch(() => setRefused(true))
      .finally(() => setWanted(undefined));
  };
  return (
    <>
      {isRefused && (
        <span role="alert" className="badge error">
          Not saved
        </span>
      )}
      {([true, false] as const).map((given) => {
        const Icon = given ? ThumbsUp : ThumbsDown;
        const word = given ? "Helpful" : "Not helpful";
        return (
          <button
            key={word}
            type="button"
            className={`button quiet square thumb ${given ? "up" : "down"}`}
            aria-label={word}
            aria-pressed={value === given}
            title={`${word}: feedback on this trace`}
            onClick={() => give(given)}
          >
            <Icon aria-hidden />
          </button>
        );
      })}
    </>
  );
}
