// Definitions of the tools in a request.

import type { Json } from "../api/types";
import { isContainer } from "../text/exact";
import { JsonTree } from "../text/JsonTree";
import { Disclosure } from "../ui/Disclosure";
import { More } from "../ui/More";

const DESCRIPTION = 1_000;

type Fields = { [key: string]: Json };

const asFields = (value: Json | undefined): Fields => (isContainer(value) && !Array.isArray(value) ? value : {});

export function ToolDefinitions({ tools }: { tools: Json[] }) {
  return (
    <ul className="tool-list">
      <More items={tools} first={50} step={50} isList>
        {(tool, index) => {
          const outer = asFields(tool);
          const inner = outer.function ? asFields(outer.function) : outer;
          const name = String(inner.name ?? outer.type ?? `tool ${index + 1}`);
          return (
            <li key={index}>
              <Disclosure
                summary={
                  <>
                    <span className="mono">{name}</span>
                    {typeof inner.description === "string" && (
                      <span className="dim"> {inner.description.slice(0, DESCRIPTION)}</span>
                    )}
                  </>
                }
              >
                {() => (
                  <JsonTree value={inner.parameters ?? inner.input_schema ?? tool} label={`parameters of ${name}`} />
                )}
              </Disclosure>
            </li>
          );
        }}
      </More>
    </ul>
  );
}
