// The tools that a model was offered.

import type { Json } from "../api/types";
import { JsonTree } from "../text/JsonTree";

type Fields = { [key: string]: Json };

const asFields = (value: Json | undefined): Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};

export function ToolDefinitions({ tools }: { tools: Json[] }) {
  return (
    <ul className="tool-list">
      {tools.map((tool, index) => {
        const outer = asFields(tool);
        const inner = outer.function ? asFields(outer.function) : outer;
        const name = String(inner.name ?? outer.type ?? `tool ${index + 1}`);
        return (
          // biome-ignore lint/suspicious/noArrayIndexKey: two tools may have one name
          <li key={index}>
            <details>
              <summary>
                <span className="mono">{name}</span>
                {typeof inner.description === "string" && <span className="dim"> {inner.description}</span>}
              </summary>
              <JsonTree value={inner.parameters ?? inner.input_schema ?? tool} label={`parameters of ${name}`} />
            </details>
          </li>
        );
      })}
    </ul>
  );
}
