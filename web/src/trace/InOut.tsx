// Inputs and outputs of a step.

import type { Json, Span } from "../api/types";
import { bytes } from "../format";
import { isContainer } from "../text/exact";
import { Value } from "../text/Value";

export function InOut({ span, isRunning }: { span: Span; isRunning: boolean }) {
  const cut = span.attributes["tracer.truncated"];
  const sizes = isContainer(cut) && !Array.isArray(cut) ? cut : {};
  return (
    <>
      <Side
        title="Input"
        value={span.inputs}
        cut={sizes["tracer.inputs"]}
        nothing={isRunning ? "None yet." : "None recorded."}
      />
      <Side
        title="Output"
        value={span.outputs}
        cut={sizes["tracer.outputs"]}
        nothing={isRunning ? "Still running." : "None recorded."}
      />
    </>
  );
}

function Side({ title, value, cut, nothing }: { title: string; value: Json; cut: Json | undefined; nothing: string }) {
  return (
    <section className="side">
      <h3 className="section-title">
        {title}
        {typeof cut === "number" && <span className="badge warn">cut, was {bytes(cut)}</span>}
      </h3>
      {value === null || value === undefined ? (
        <p className="dim">{nothing}</p>
      ) : (
        <Value value={value} label={title.toLowerCase()} />
      )}
    </section>
  );
}
