// Tables of the dashboard: groups, tools, feedback. Their figures open the traces behind them.

import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "wouter";
import { feedbackSums, statistics } from "../api/queries";
import type { Scores, Selection, Statistics, StatisticsGroup } from "../api/types";
import { count, duration, money, percent } from "../format";
import { condition, keyedField } from "../traces/conditions";
import { useMedia } from "../ui/useMedia";
import { useVersionName } from "../versions/details";
import { failedCondition, type Group, groupCondition, type TracesOf } from "./links";

interface Cell {
  shown: ReactNode;
  /** Where the figure leads; what it is of is added for screen readers. */
  href?: string | null;
  tone?: "bad" | "dim";
}

interface Line {
  key: string;
  title: string;
  href: string | null;
  cells: Cell[];
}

/** Figures by name: a table, on a phone cards. */
function Figures({ title, head, columns, lines }: { title: string; head: string; columns: string[]; lines: Line[] }) {
  const isNarrow = useMedia("(max-width: 720px)");
  const named = ({ title: name, href }: Line) =>
    href ? (
      <Link href={href}>
        <bdi>{name}</bdi>
      </Link>
    ) : (
      <span className="dim">{name}</span>
    );
  const figure = ({ shown, href }: Cell, name: string) =>
    href ? (
      <Link href={href}>
        {shown}
        <span className="visually-hidden"> of {name}</span>
      </Link>
    ) : (
      shown
    );
  return (
    <section className="group-table" aria-label={title}>
      <h2 className="section-title">{title}</h2>
      {isNarrow ? (
        <ul className="cards">
          {lines.map((line) => (
            <li key={line.key} className="card num">
              <h3>{named(line)}</h3>
              <dl>
                {line.cells.map((cell, at) => (
                  <div key={columns[at]}>
                    <dt>{columns[at]}</dt>
                    <dd className={cell.tone}>{figure(cell, line.title)}</dd>
                  </div>
                ))}
              </dl>
            </li>
          ))}
        </ul>
      ) : (
        <div className="table-scroll">
          <table className="plain list num">
            <thead>
              <tr>
                {[head, ...columns].map((word, at) => (
                  <th key={word} scope="col" className={at ? "right" : ""}>
                    {word}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {lines.map((line) => (
                <tr key={line.key}>
                  <td className="clip-id" title={line.title}>
                    {named(line)}
                  </td>
                  {line.cells.map((cell, at) => (
                    <td key={columns[at]} className={`right nowrap ${cell.tone ?? ""}`}>
                      {figure(cell, line.title)}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

const failed = (row: StatisticsGroup, href: string | null): Cell =>
  row.errors
    ? { shown: `${count(row.errors)} (${percent(row.errors, row.calls)})`, href, tone: "bad" }
    : { shown: "0", tone: "dim" };

export function GroupTable({
  data,
  word,
  group,
  addressOf,
}: {
  data: Statistics;
  word: string;
  group: Group;
  addressOf: TracesOf;
}) {
  const nameOf = useVersionName();
  const lines = data.groups.map((row): Line => {
    const its = [groupCondition(group, row.group)];
    const to = (more: string[] = [], order = "") => (row.group ? addressOf([...its, ...more], order) : null);
    return {
      key: row.group,
      title: (group === "version" ? nameOf(row.group) : row.group) || "(none)",
      href: to(),
      cells: [
        { shown: count(row.calls) },
        failed(row, to([failedCondition(group, row.group)])),
        { shown: duration(row.latency_ns.p50) },
        { shown: duration(row.latency_ns.p95) },
        { shown: duration(row.latency_ns.p99), href: to([], "duration desc") },
        { shown: count(row.input_tokens) },
        { shown: count(row.output_tokens) },
        { shown: money(row.cost), href: to([], "cost desc") },
      ],
    };
  });
  const columns = ["Count", "Failed", "p50", "p95", "p99", "Tokens in", "Tokens out", "Cost"];
  return <Figures title={`By ${word.toLowerCase()}`} head={word} columns={columns} lines={lines} />;
}

export function ToolTable({ selection, addressOf }: { selection: Selection; addressOf: TracesOf }) {
  const { data } = useQuery(statistics(selection, "tool", null));
  if (!data?.groups.length) return null;
  const lines = data.groups.map((row): Line => {
    const its = condition("span.name", row.group);
    return {
      key: row.group,
      title: row.group,
      href: addressOf([its]),
      cells: [
        { shown: count(row.calls) },
        failed(row, addressOf([condition("failed_step", row.group)])),
        { shown: duration(row.latency_ns.p50) },
        { shown: duration(row.latency_ns.p95) },
        { shown: duration(row.latency_ns.p99), href: addressOf([its], "duration desc") },
      ],
    };
  });
  return <Figures title="Tools" head="Tool" columns={["Count", "Failed", "p50", "p95", "p99"]} lines={lines} />;
}

export function FeedbackTable({ selection, addressOf }: { selection: Selection; addressOf: TracesOf }) {
  const { data } = useQuery(feedbackSums(selection));
  if (!data?.feedback.length) return null;
  const lines = data.feedback.map((given): Line => {
    const field = keyedField("feedback", given.name);
    const numbers = given.count - given.texts.reduce((sum, { count: times }) => sum + times, 0);
    return {
      key: given.name,
      title: given.name,
      href: addressOf([`${field} IS NOT NULL`]),
      cells: [
        { shown: <Score given={given} /> },
        given.is_share
          ? {
              shown: `${count(Math.round(numbers * (1 - (given.mean ?? 0))))} no`,
              href: addressOf([`${field} = false`]),
            }
          : { shown: given.deviation ? `± ${given.deviation.toFixed(2)}` : "" },
        { shown: count(given.count) },
      ],
    };
  });
  return <Figures title="Feedback" head="Name" columns={["Mean", "Spread", "Given"]} lines={lines} />;
}

/** The share of yes, or the mean; texts with how often each was given. */
function Score({ given }: { given: Scores }) {
  if (given.is_share) return <>{percent(given.mean ?? 0, 1)} yes</>;
  if (given.mean !== null) return <>{given.mean.toFixed(2)}</>;
  return (
    <span className="text-scores">
      {given.texts.slice(0, 4).map(({ text, count: times }) => (
        <span key={text} className="badge" title={text}>
          <bdi className="long-id">{text}</bdi> {count(times)}
        </span>
      ))}
    </span>
  );
}
