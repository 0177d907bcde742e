// Feedback of people and judges, and a form to add some.

import { ThumbsDown, ThumbsUp, Trash2 } from "lucide-react";
import { type FormEvent, useState } from "react";
import { request } from "../api/client";
import { queryClient } from "../api/queries";
import type { Assessment, Json, Trace } from "../api/types";
import { ago } from "../format";
import { Problem } from "../ui/Problem";
import { useRemembered } from "../ui/remembered";

interface Props {
  trace: Trace;
  spanId: string | null;
  given: Assessment[];
}

export function Feedback({ trace, spanId, given }: Props) {
  const [problem, setProblem] = useState<unknown>(null);
  const path = `/traces/${trace.trace_id}/assessments`;
  const change = (doing: Promise<unknown>) =>
    doing
      .then(() => queryClient.invalidateQueries({ queryKey: ["trace", trace.trace_id] }))
      .then(() => setProblem(null), setProblem);
  return (
    <>
      {given.length > 0 && (
        <ul className="feedback-list">
          {given.map((one) => (
            <li key={one.id}>
              <div className="feedback-line">
                <strong>{one.name}</strong> <Verdict value={one.value} />
                {one.type === "expectation" && <span className="badge">expected</span>}
                <span className="dim">
                  {one.source.id === "default" ? one.source.type.toLowerCase() : one.source.id}, {ago(one.time_ns)}
                </span>
                <button
                  type="button"
                  className="button quiet square push"
                  aria-label={`Delete feedback ${one.name}`}
                  onClick={() =>
                    void change(request(`${path}/${encodeURIComponent(one.id)}`, {}, { method: "DELETE" }))
                  }
                >
                  <Trash2 aria-hidden />
                </button>
              </div>
              {one.rationale && <p className="plain-text">{one.rationale}</p>}
              {one.error && <p className="notice error">{one.error}</p>}
            </li>
          ))}
        </ul>
      )}
      {problem !== null && <Problem error={problem} />}
      <Form
        onGive={(assessment) => change(request(path, {}, { method: "POST", json: { ...assessment, span_id: spanId } }))}
        about={spanId ? "this step" : "this trace"}
      />
    </>
  );
}

function Verdict({ value }: { value: Json }) {
  if (value === true) return <span className="badge ok">yes</span>;
  if (value === false) return <span className="badge error">no</span>;
  return <span className="badge">{typeof value === "string" ? value : JSON.stringify(value)}</span>;
}

interface NewAssessment {
  name: string;
  value: Json;
  rationale: string | null;
  source: { type: "HUMAN"; id: string };
}

function Form({ onGive, about }: { onGive: (assessment: NewAssessment) => Promise<unknown>; about: string }) {
  const [name, setName] = useRemembered("feedback.name", "helpful");
  const [author, setAuthor] = useRemembered("feedback.author", "");
  const [value, setValue] = useState<string>("");
  const [rationale, setRationale] = useState("");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (value === "" || !name.trim()) return;
    const source = { type: "HUMAN" as const, id: author.trim() || "default" };
    void onGive({ name: name.trim(), value: parsedValue(value), rationale: rationale.trim() || null, source }).then(
      () => {
        setValue("");
        setRationale("");
      },
    );
  };
  return (
    <form className="feedback-form" onSubmit={submit}>
      <h3 className="section-title">Your feedback on {about}</h3>
      <div className="feedback-line">
        <label>
          Name
          <input className="field" value={name} onChange={(event) => setName(event.target.value)} required />
        </label>
        <label>
          Value
          <input
            className="field"
            value={value}
            placeholder="true, 4, good…"
            onChange={(event) => setValue(event.target.value)}
            required
          />
        </label>
        <button
          type="button"
          className="button square"
          aria-label="Yes"
          aria-pressed={value === "true"}
          onClick={() => setValue("true")}
        >
          <ThumbsUp aria-hidden />
        </button>
        <button
          type="button"
          className="button square"
          aria-label="No"
          aria-pressed={value === "false"}
          onClick={() => setValue("false")}
        >
          <ThumbsDown aria-hidden />
        </button>
        <label>
          Your name
          <input
            className="field"
            value={author}
            placeholder="optional"
            onChange={(event) => setAuthor(event.target.value)}
          />
        </label>
      </div>
      <label>
        Why
        <textarea className="field" rows={3} value={rationale} onChange={(event) => setRationale(event.target.value)} />
      </label>
      <button type="submit" className="button solid" disabled={value === ""}>
        Save feedback
      </button>
    </form>
  );
}

function parsedValue(text: string): Json {
  const trimmed = text.trim();
  if (trimmed === "true" || trimmed === "false") return trimmed === "true";
  return trimmed !== "" && Number.isFinite(Number(trimmed)) ? Number(trimmed) : trimmed;
}
