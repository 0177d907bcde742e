// Scores and their differences as text.

import type { Json } from "../api/types";
import { count } from "../format";
import type { Change, Score, ScoreComparison, ScoreSums } from "./api";

/** Three significant digits; whole numbers whole. */
export function figure(value: number): string {
  if (Number.isInteger(value) || Math.abs(value) >= 1000) return count(Math.round(value));
  return String(Number(value.toPrecision(3)));
}

/** Names in order, and numbers in them as numbers. */
export const byName = (a: string, b: string) => a.localeCompare(b, undefined, { numeric: true });

/** Means stand below each other. */
export const mean = (value: number) => (Math.abs(value) < 10 ? value.toFixed(3) : figure(value));

export function pValue(p: number): string {
  return p < 0.001 ? "p < 0.001" : `p ${Number(p.toPrecision(p < 0.1 ? 1 : 2))}`;
}

export function scoreText(value: Json): string {
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "number") return figure(value);
  return typeof value === "string" ? value : JSON.stringify(value);
}

const isNo = (score: Score) => score.value === false || (typeof score.value === "string" && score.number === 0);

const TONES: Record<Change, string> = { better: "good", worse: "bad", same: "" };

/** A score in a cell, with that of the other run where it changed. */
export function ScoreCell({ score, before, change }: { score?: Score; before?: Score; change?: Change }) {
  if (!score && !before) return <span className="dim">–</span>;
  const tone = change ? TONES[change] : score && isNo(score) ? "bad" : "";
  const isMoved = change === "better" || change === "worse" || (before && wordOf(before) !== wordOf(score));
  return (
    <span className={tone} title={score?.error ?? score?.rationale ?? undefined}>
      {isMoved && (
        <>
          <span className="before">{wordOf(before)}</span>
          <span aria-hidden="true"> → </span>
          <span className="visually-hidden"> became </span>
        </>
      )}
      {score?.error ? <span className="badge warn">failed</span> : wordOf(score)}
    </span>
  );
}

const wordOf = (score: Score | undefined) => (!score ? "–" : score.error ? "failed" : scoreText(score.value));

/** The mean of a score, of how many rows, and how it differs from that of another run. */
export function ScoreHead({ sums, compared }: { sums: ScoreSums | undefined; compared: ScoreComparison | undefined }) {
  const [most] = sums?.texts ?? [];
  return (
    <>
      <span className="score-mean">
        {sums?.mean !== null && sums?.mean !== undefined ? (
          mean(sums.mean)
        ) : most ? (
          <span title={sums?.texts.map(({ text, count: n }) => `${text}: ${count(n)}`).join("\n")}>
            {count(most.count)} {most.text}
          </span>
        ) : (
          "–"
        )}{" "}
        {sums?.count !== null && sums?.count !== undefined && <span className="dim">of {count(sums.count)}</span>}
      </span>
      {compared && <Difference compared={compared} />}
      {sums && sums.failed > 0 && <span className="warn-text">{count(sums.failed)} not scored</span>}
    </>
  );
}

export function Difference({ compared }: { compared: ScoreComparison }) {
  const { before, after, better, worse, same, p_value, may_be_chance } = compared;
  if (before === null || after === null) return <span className="dim">–</span>;
  const by = after - before;
  // the rule is about rows: a row that failed got worse, and is in no mean
  const tone = may_be_chance ? "chance" : better > worse ? "good" : "bad";
  return (
    <span
      className="score-difference"
      title={`${mean(before)} → ${mean(after)}: ${count(better)} better, ${count(worse)} worse, ${count(same)} the same`}
    >
      <span className={`change ${tone}`}>
        {by > 0 ? "+" : by < 0 ? "−" : "±"}
        {mean(Math.abs(by))}
        {may_be_chance && <span className="visually-hidden"> (may be chance)</span>}
      </span>
      <span className="dim">{pValue(p_value)}</span>
    </span>
  );
}
