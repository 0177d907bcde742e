// Answers of a reviewer: which question a key answers, what is still to be answered.

import type { Assessment, Json, ReviewScore } from "../api/types";

export type Answers = Record<string, Json>;

/** The feedback that somebody gave on a trace under the name of a score; the newest counts. */
export function givenBy(assessments: Assessment[], reviewer: string, name: string): Assessment | null {
  let found: Assessment | null = null;
  for (const one of assessments)
    if (isOf(one, name) && one.source.id === reviewer && (!found || one.time_ns >= found.time_ns)) found = one;
  return found;
}

/** What other people said under the name of a score. */
export const givenByOthers = (assessments: Assessment[], reviewer: string, name: string) =>
  assessments.filter((one) => isOf(one, name) && one.source.id !== reviewer);

const isOf = (one: Assessment, name: string) =>
  one.name === name && one.type === "feedback" && one.source.type === "HUMAN";

/** The scores without which a trace is not reviewed: all but texts, unless nothing else is asked. */
export function needed(scores: ReviewScore[]): ReviewScore[] {
  const found = scores.filter((score) => score.kind !== "text");
  return found.length ? found : scores;
}

export const isAnswered = (answers: Answers, score: ReviewScore) =>
  answers[score.name] !== undefined && answers[score.name] !== null;

export const isComplete = (scores: ReviewScore[], answers: Answers) =>
  needed(scores).every((score) => isAnswered(answers, score));

/** The answer that a key gives to a score; null if it gives none. */
export function answerOf(score: ReviewScore, key: string): Json {
  if (score.kind === "yes_no") return key === "y" ? true : key === "n" ? false : null;
  if (!/^[1-9]$/.test(key)) return null;
  if (score.kind === "rating") return Number(key) <= 5 ? Number(key) : null;
  return score.kind === "choice" ? (score.choices?.[Number(key) - 1] ?? null) : null;
}

/** The score that a key answers: the active one, else the first without an answer that has it. */
export function scoreOf(scores: ReviewScore[], active: number, answers: Answers, key: string): number | null {
  const fits = (score: ReviewScore | undefined) => score !== undefined && answerOf(score, key) !== null;
  if (fits(scores[active])) return active;
  const open = scores.findIndex((score) => fits(score) && !isAnswered(answers, score));
  return open >= 0 ? open : null;
}

/** The next score without an answer after one, or from the beginning; texts come when nothing else is open. */
export function nextOpen(scores: ReviewScore[], after: number, answers: Answers): number | null {
  const order = scores.map((_, step) => (after + 1 + step) % scores.length);
  const isOpen = (index: number) => scores[index] !== undefined && !isAnswered(answers, scores[index]);
  return (
    order.find((index) => isOpen(index) && scores[index]?.kind !== "text") ??
    order.find((index) => isOpen(index)) ??
    null
  );
}
