// Making a review queue, or changing one.

import { useQuery } from "@tanstack/react-query";
import { Plus, X } from "lucide-react";
import { type FormEvent, useRef, useState } from "react";
import { ApiError, request } from "../api/client";
import { experimentList } from "../api/queries";
import type { ReviewQueue, ReviewScore, ScoreKind } from "../api/types";
import { FilterBox } from "../traces/FilterBox";
import { asFilter } from "../traces/written";
import { Problem } from "../ui/Problem";

const KINDS: [ScoreKind, string][] = [
  ["yes_no", "yes or no"],
  ["rating", "1 to 5"],
  ["choice", "choice"],
  ["text", "text"],
];

interface DraftScore {
  id: number;
  name: string;
  kind: ScoreKind;
  question: string;
  choices: string;
}

interface Props {
  queue: ReviewQueue | null;
  filter: string;
  known: ReviewQueue[];
  onCancel: () => void;
  onSaved: (queue: ReviewQueue) => void;
}

const drafted = (score: ReviewScore, id: number): DraftScore => ({
  ...score,
  id,
  choices: (score.choices ?? []).join(", "),
});

const FIRST: ReviewScore = { name: "correct", kind: "yes_no", question: "Is the answer right?" };

export function QueueForm({ queue, filter: given, known, onCancel, onSaved }: Props) {
  const [name, setName] = useState(queue?.name ?? "");
  const [filter, setFilter] = useState(queue?.filter ?? given);
  const [experiment, setExperiment] = useState(queue?.experiment ?? "");
  const [reviewers, setReviewers] = useState(String(queue?.reviewers ?? 1));
  const [guidance, setGuidance] = useState(queue?.guidance ?? "");
  const [scores, setScores] = useState<DraftScore[]>(() => (queue?.scores ?? [FIRST]).map(drafted));
  const [problem, setProblem] = useState<unknown>(null);
  const box = useRef<HTMLInputElement>(null);
  const { data } = useQuery(experimentList());
  const experiments = data?.experiments ?? [];
  const isSyntax = problem instanceof ApiError && problem.code === "filter_syntax";
  const isTaken = !queue && known.some((one) => one.name === name.trim());
  const put = (id: number, change: Partial<DraftScore>) =>
    setScores(scores.map((score) => (score.id === id ? { ...score, ...change } : score)));
  const addScore = () => {
    const id = Math.max(-1, ...scores.map((score) => score.id)) + 1;
    setScores([...scores, { id, name: "", kind: "rating", question: "", choices: "" }]);
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    // what stands in the box counts, whether or not it was applied
    const wanted = asFilter(box.current?.value ?? filter);
    setFilter(wanted);
    const json = {
      name: name.trim(),
      filter: wanted,
      experiment: experiment || null,
      reviewers: Number(reviewers),
      guidance: guidance.trim(),
      scores: scores.map(({ name, kind, question, choices }) => ({
        name: name.trim(),
        kind,
        question: question.trim(),
        ...(kind === "choice" && {
          choices: choices
            .split(",")
            .map((one) => one.trim())
            .filter(Boolean),
        }),
      })),
    };
    void request<ReviewQueue>("/review-queues", {}, { method: "POST", json }).then(onSaved, setProblem);
  };
  return (
    <form className="queue-form" onSubmit={submit} aria-label={queue ? `Edit ${queue.name}` : "New queue"}>
      <div className="form-row">
        <label className="grow">
          Name
          <input
            className="field"
            value={name}
            maxLength={250}
            required
            disabled={queue !== null}
            // biome-ignore lint/a11y/noAutofocus: the form was asked for by a click
            autoFocus={queue === null}
            onChange={(event) => setName(event.target.value)}
          />
        </label>
        {(experiments.length > 1 || experiment) && (
          <label>
            Experiment
            <select className="field" value={experiment} onChange={(event) => setExperiment(event.target.value)}>
              <option value="">All</option>
              {experiment && !experiments.some((one) => one.name === experiment) && <option>{experiment}</option>}
              {experiments.map((one) => (
                <option key={one.experiment_id}>{one.name}</option>
              ))}
            </select>
          </label>
        )}
        <label>
          People for each trace
          <input
            className="field"
            type="number"
            min={1}
            max={100}
            value={reviewers}
            onChange={(event) => setReviewers(event.target.value)}
          />
        </label>
      </div>
      {isTaken && <p className="notice warn">There is a queue of this name: it will be changed.</p>}
      <div className="form-filter">
        <span className="form-label">Which traces (none: all of them)</span>
        <FilterBox
          value={filter}
          error={isSyntax ? problem : null}
          onChange={setFilter}
          box={box}
          label="Filter of the queue"
        />
      </div>
      <fieldset className="score-drafts">
        <legend className="form-label">What is asked</legend>
        {scores.map((score) => (
          <div key={score.id} className="score-draft">
            <input
              className="field"
              aria-label="Name of the score"
              placeholder="name, such as correct"
              value={score.name}
              required
              onChange={(event) => put(score.id, { name: event.target.value })}
            />
            <select
              className="field"
              aria-label={`Kind of ${score.name || "the score"}`}
              value={score.kind}
              onChange={(event) => put(score.id, { kind: event.target.value as ScoreKind })}
            >
              {KINDS.map(([kind, word]) => (
                <option key={kind} value={kind}>
                  {word}
                </option>
              ))}
            </select>
            <input
              className="field"
              aria-label={`Question of ${score.name || "the score"}`}
              placeholder="question to the reviewer"
              value={score.question}
              onChange={(event) => put(score.id, { question: event.target.value })}
            />
            <button
              type="button"
              className="button quiet square"
              aria-label={`Remove ${score.name || "the score"}`}
              title="Remove"
              disabled={scores.length === 1}
              onClick={() => setScores(scores.filter((one) => one.id !== score.id))}
            >
              <X aria-hidden />
            </button>
            {score.kind === "choice" && (
              <input
                className="field choices"
                aria-label={`Choices of ${score.name || "the score"}`}
                placeholder="choices, separated by commas"
                value={score.choices}
                required
                onChange={(event) => put(score.id, { choices: event.target.value })}
              />
            )}
          </div>
        ))}
        <button type="button" className="link-button add-field" onClick={addScore}>
          <Plus aria-hidden /> Question
        </button>
      </fieldset>
      <label>
        What reviewers are told
        <textarea
          className="field"
          rows={2}
          value={guidance}
          dir="auto"
          placeholder="optional"
          onChange={(event) => setGuidance(event.target.value)}
        />
      </label>
      {problem !== null && !isSyntax && <Problem error={problem} />}
      <div className="review-actions">
        <button type="submit" className="button solid">
          {queue ? "Save" : "Make the queue"}
        </button>
        <button type="button" className="button" onClick={onCancel}>
          Cancel
        </button>
      </div>
    </form>
  );
}
