// Editing a value: an object field by field, anything as JSON, a text as it is.

import { Plus, X } from "lucide-react";
import { useId } from "react";
import type { Json } from "../api/types";
import { isContainer } from "../text/exact";
import { Segments } from "../ui/Segments";
import { type Draft, draftOf, type Field, jsonDraft, type Outcome, outcomeOf, withField } from "./draft";

interface Props {
  label: string;
  draft: Draft;
  outcome: Outcome;
  onChange: (draft: Draft) => void;
}

const FORMS = [
  ["easy", "Fields"],
  ["json", "JSON"],
] as const;

const lines = (text: string) => Math.min(16, Math.max(1, text.split("\n").length, Math.ceil(text.length / 90)));

export function ValueEditor({ label, draft, outcome, onChange }: Props) {
  const id = useId();
  const problem = "problem" in outcome ? outcome : null;
  const switchTo = (form: "easy" | "json") => {
    const found = outcomeOf(draft);
    if ("problem" in found) return;
    onChange(form === "json" ? jsonDraft(found.value) : draftOf(found.value));
  };
  const described = problem ? { "aria-describedby": `${id}-problem` } : {};
  return (
    <fieldset className="value-editor" aria-label={label}>
      <legend className="section-title">
        {label}
        <Segments
          label={`${label} as`}
          value={draft.as === "json" ? "json" : "easy"}
          options={draft.as === "text" || isPlainText(outcome) ? TEXT_FORMS : FORMS}
          onChange={switchTo}
        />
      </legend>
      {draft.as === "fields" ? (
        <Fields label={label} fields={draft.fields} problem={problem} described={described} onChange={onChange} />
      ) : (
        <textarea
          className={`field ${draft.as === "json" ? "mono" : ""}`}
          dir={draft.as === "json" ? "ltr" : "auto"}
          spellCheck={draft.as === "text"}
          aria-label={label}
          aria-invalid={problem !== null}
          {...described}
          rows={lines(draft.text)}
          value={draft.text}
          onChange={(event) => onChange({ as: draft.as, text: event.target.value })}
        />
      )}
      {problem && (
        <p id={`${id}-problem`} className="bad" role="alert">
          {problem.problem}
        </p>
      )}
    </fieldset>
  );
}

const TEXT_FORMS = [
  ["easy", "Text"],
  ["json", "JSON"],
] as const;

const isPlainText = (outcome: Outcome) => "value" in outcome && typeof outcome.value === "string";

interface FieldsProps {
  label: string;
  fields: Field[];
  problem: { field?: number } | null;
  described: { "aria-describedby"?: string };
  onChange: (draft: Draft) => void;
}

function Fields({ label, fields, problem, described, onChange }: FieldsProps) {
  const put = (id: number, change: Partial<Field>) =>
    onChange({ as: "fields", fields: fields.map((field) => (field.id === id ? { ...field, ...change } : field)) });
  return (
    <>
      {fields.map((field) => (
        <div key={field.id} className="field-row">
          {field.isNew ? (
            <input
              className="field mono"
              aria-label={`Name of a field of ${label.toLowerCase()}`}
              placeholder="name"
              value={field.name}
              onChange={(event) => put(field.id, { name: event.target.value })}
            />
          ) : (
            <span className="field-name mono" title={field.name}>
              {field.name}
            </span>
          )}
          <textarea
            className={`field ${field.isJson ? "mono" : ""}`}
            dir={field.isJson ? "ltr" : "auto"}
            spellCheck={!field.isJson}
            aria-label={`${label}: ${field.name || "new field"}`}
            aria-invalid={problem?.field === field.id}
            {...(problem?.field === field.id && described)}
            rows={lines(field.text)}
            value={field.text}
            onChange={(event) => put(field.id, { text: event.target.value })}
          />
          <button
            type="button"
            className="button quiet square"
            aria-label={`Remove ${field.name || "the new field"}`}
            title="Remove this field"
            onClick={() => onChange({ as: "fields", fields: fields.filter((one) => one.id !== field.id) })}
          >
            <X aria-hidden />
          </button>
        </div>
      ))}
      <button
        type="button"
        className="link-button add-field"
        onClick={() => onChange({ as: "fields", fields: withField(fields) })}
      >
        <Plus aria-hidden /> Field
      </button>
    </>
  );
}

/** What is wrong with a value that has to be an object. */
export function asObject(outcome: Outcome): Outcome {
  if ("problem" in outcome || (isContainer(outcome.value) && !Array.isArray(outcome.value))) return outcome;
  return { problem: 'Expected an object, such as {"answer": "…"}.' };
}

/** What is wrong with a value that has to be an object of texts. */
export function asTexts(outcome: Outcome): Outcome {
  const object = asObject(outcome);
  if ("problem" in object) return object;
  const isText = Object.values(object.value as { [key: string]: Json }).every((item) => typeof item === "string");
  return isText ? object : { problem: 'Tags are texts, such as {"kind": "hard"}.' };
}
