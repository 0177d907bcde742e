// The questions of a queue about the trace on screen, and the answers of this reviewer.

import { useEffect, useRef, useState } from "react";
import type { Json, ReviewScore } from "../api/types";
import { type Answers, isAnswered } from "./answers";

interface Props {
  scores: ReviewScore[];
  answers: Answers;
  active: number;
  /** Whether the trace is there: an answer before that would be lost. */
  isReady: boolean;
  onActive: (index: number) => void;
  onAnswer: (index: number, value: Json) => void;
  onNext: () => void;
}

export function Scores({ scores, answers, active, isReady, onActive, onAnswer, onNext }: Props) {
  return (
    <ol className="scores" aria-label="Questions">
      {scores.map((score, index) => (
        <li key={score.name} className={index === active ? "active" : ""} onFocus={() => onActive(index)}>
          <fieldset aria-label={score.question || score.name} disabled={!isReady}>
            <legend>
              <span className="strong">{score.question || score.name}</span>
              {score.question && <span className="dim score-name">{score.name}</span>}
              {score.kind === "text" && !isAnswered(answers, score) && <kbd title="t goes there">t</kbd>}
            </legend>
            {score.kind === "text" ? (
              <Text
                label={score.question || score.name}
                value={answers[score.name] ?? null}
                onAnswer={(value) => onAnswer(index, value)}
                onNext={onNext}
              />
            ) : (
              <Choices score={score} value={answers[score.name] ?? null} onAnswer={(value) => onAnswer(index, value)} />
            )}
          </fieldset>
        </li>
      ))}
    </ol>
  );
}

function optionsOf(score: ReviewScore): [Json, string, string][] {
  if (score.kind === "yes_no")
    return [
      [true, "Yes", "y"],
      [false, "No", "n"],
    ];
  if (score.kind === "rating") return [1, 2, 3, 4, 5].map((value) => [value, String(value), ""]);
  return (score.choices ?? []).map((choice, index) => [choice, choice, index < 9 ? String(index + 1) : ""]);
}

function Choices({ score, value, onAnswer }: { score: ReviewScore; value: Json; onAnswer: (value: Json) => void }) {
  return (
    <div className={`score-options ${score.kind}`}>
      {optionsOf(score).map(([option, word, key]) => (
        <button
          key={word}
          type="button"
          className="button"
          aria-pressed={value === option}
          // a second click takes the answer back
          onClick={() => onAnswer(value === option ? null : option)}
        >
          <span className="option-word">{word}</span>
          {key && <kbd aria-hidden>{key}</kbd>}
        </button>
      ))}
    </div>
  );
}

function Text({
  label,
  value,
  onAnswer,
  onNext,
}: {
  label: string;
  value: Json;
  onAnswer: (value: Json) => void;
  onNext: () => void;
}) {
  const kept = typeof value === "string" ? value : "";
  const [draft, setDraft] = useState(kept);
  useEffect(() => setDraft(kept), [kept]);
  const keep = () => {
    if (draft.trim() !== kept) onAnswer(draft.trim() || null);
  };
  // what was written is kept also where the page is left meanwhile
  const latest = useRef(keep);
  latest.current = keep;
  useEffect(() => () => latest.current(), []);
  return (
    <textarea
      className="field review-text"
      aria-label={label}
      dir="auto"
      rows={2}
      value={draft}
      placeholder="Enter keeps it and goes on"
      onChange={(event) => setDraft(event.target.value)}
      onBlur={keep}
      onKeyDown={(event) => {
        if (event.key === "Enter" && !event.shiftKey) {
          event.currentTarget.blur();
          onNext();
        } else if (event.key === "Escape") event.currentTarget.blur();
        else return;
        event.preventDefault();
        event.stopPropagation();
      }}
    />
  );
}
