// Inputs and outputs of a step.

import type { Json, Span } from "../api/types";
import { bytes } from "../format";
import { isContainer } from "../text/exact";
import { useMode } from "../text/mode";
import { Value } from "../text/Value";
import { Documents } from "./Documents";
import { documentsIn } from "./documents";

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
        isRetrieved={RETRIEVING.has(span.type)}
        value={span.outputs}
        cut={sizes["tracer.outputs"]}
        nothing={isRunning ? "Still running." : "None recorded."}
      />
    </>
  );
}

const RETRIEVING = new Set(["RETRIEVER", "RERANKER"]);

interface SideProps {
  title: string;
  value: Json;
  cut: Json | undefined;
  nothing: string;
  isRetrieved?: boolean;
}

function Side({ title, value, cut, nothing, isRetrieved = false }: SideProps) {
  const mode = useMode();
  const documents = isRetrieved && mode === "pretty" ? documentsIn(value) : null;
  return (
    <section className="side">
      <h3 className="section-title">
        {title}
        {typeof cut === "number" && <span className="badge warn">cut, was {bytes(cut)}</span>}
      </h3>
      {documents ? (
        <Documents documents={documents} />
      ) : value === null || value === undefined ? (
        <p className="dim">{nothing}</p>
      ) : (
        <Value value={value} label={title.toLowerCase()} />
      )}
    </section>
  );
}
