// Tokens and cost of a step by kind and by the steps below.

import type { Span } from "../api/types";
import { count, duration, money, percent } from "../format";
import { TypeIcon } from "../ui/SpanType";
import { type Node, type Tree, usageBelow } from "./tree";

const KINDS: [string, string][] = [
  ["input_tokens", "Input"],
  ["cache_read_input_tokens", "of it read from cache"],
  ["cache_write_input_tokens", "of it written to cache"],
  ["audio_input_tokens", "of it audio"],
  ["image_input_tokens", "of it images"],
  ["output_tokens", "Output"],
  ["reasoning_output_tokens", "of it reasoning"],
  ["audio_output_tokens", "of it audio"],
  ["image_output_tokens", "of it images"],
  ["total_tokens", "Total"],
];

const SHOWN = 50;

interface Props {
  tree: Tree;
  node: Node;
  span: Span;
  onSelect: (spanId: string) => void;
}

export function Breakdown({ node, span, onSelect }: Props) {
  const whole = usageBelow(node);
  const callers = node.span.usage ? [] : spenders(node);
  if (!whole.total && node.cost === null && !span.usage)
    return <p className="dim">No tokens were used in this step or below it.</p>;
  return (
    <>
      {span.usage && <Kinds usage={span.usage} span={span} />}
      {callers.length > 0 && (
        <section className="side">
          <h3 className="section-title">By step</h3>
          <div className="table-scroll">
            <table className="plain num">
              <thead>
                <tr>
                  <th scope="col">Step</th>
                  <th scope="col">Model</th>
                  <th scope="col" className="right">
                    Input
                  </th>
                  <th scope="col" className="right">
                    Output
                  </th>
                  <th scope="col" className="right">
                    Cost
                  </th>
                  <th scope="col" className="right">
                    Share
                  </th>
                  <th scope="col" className="right">
                    Time
                  </th>
                </tr>
              </thead>
              <tbody>
                {callers.slice(0, SHOWN).map(({ caller, usage }) => (
                  <tr key={caller.span.span_id}>
                    <td>
                      <button
                        type="button"
                        className="link-button step-link"
                        onClick={() => onSelect(caller.span.span_id)}
                      >
                        <TypeIcon type={caller.span.type} /> {caller.span.name}
                      </button>
                    </td>
                    <td>{caller.span.model ?? ""}</td>
                    <td className="right">{count(usage.input)}</td>
                    <td className="right">{count(usage.output)}</td>
                    <td className="right">{money(caller.cost)}</td>
                    <td className="right">
                      {node.cost ? percent(caller.cost ?? 0, node.cost) : percent(usage.total, whole.total)}
                    </td>
                    <td className="right">{duration(caller.span.duration_ns)}</td>
                  </tr>
                ))}
              </tbody>
              <tfoot>
                <tr>
                  <th scope="row">{callers.length > SHOWN ? `All ${count(callers.length)}` : "Total"}</th>
                  <td />
                  <td className="right">{count(whole.input)}</td>
                  <td className="right">{count(whole.output)}</td>
                  <td className="right">{node.cost === null ? "–" : money(node.cost)}</td>
                  <td className="right">100%</td>
                  <td />
                </tr>
              </tfoot>
            </table>
          </div>
        </section>
      )}
    </>
  );
}

function Kinds({ usage, span }: { usage: Record<string, number>; span: Span }) {
  const cost: Record<string, number | undefined> = {
    input_tokens: span.cost?.input_cost,
    output_tokens: span.cost?.output_cost,
    total_tokens: span.cost?.total_cost,
  };
  return (
    <section className="side">
      <h3 className="section-title">This call</h3>
      <table className="plain num">
        <thead>
          <tr>
            <th scope="col">Kind</th>
            <th scope="col" className="right">
              Tokens
            </th>
            <th scope="col" className="right">
              Cost
            </th>
          </tr>
        </thead>
        <tbody>
          {KINDS.filter(([key]) => usage[key] !== undefined).map(([key, word]) => (
            <tr key={key}>
              <td className={word.startsWith("of it") ? "dim indent" : ""}>{word}</td>
              <td className="right">{count(usage[key])}</td>
              <td className="right">{key in cost ? money(cost[key]) : ""}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {!span.cost && <p className="dim">The price of this model is not known.</p>}
    </section>
  );
}

/** The topmost steps with usage or a cost below a step, most expensive first. */
function spenders(node: Node) {
  const found = [];
  const stack = [...node.children];
  for (let top = stack.pop(); top; top = stack.pop()) {
    if (top.span.usage || top.span.cost) found.push({ caller: top, usage: usageBelow(top) });
    else stack.push(...top.children);
  }
  return found.sort((a, b) => (b.caller.cost ?? 0) - (a.caller.cost ?? 0) || b.usage.total - a.usage.total);
}
