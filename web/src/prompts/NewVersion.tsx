// A new version of a prompt, or a new prompt: a text or chat messages, to be edited and saved.

import { type FormEvent, useState } from "react";
import { type Fields, variablesOf } from "../again/body";
import { rowsOf } from "../again/JsonField";
import { Messages } from "../again/Messages";
import type { Json } from "../api/types";
import { Problem } from "../ui/Problem";
import { Segments } from "../ui/Segments";
import { registerPrompt } from "./queries";

interface Props {
  /** Null asks for one. */
  name: string | null;
  template: Json;
  onDone: (name: string, version: number) => void;
  onCancel: () => void;
}

const KINDS = [
  ["text", "Text"],
  ["chat", "Chat messages"],
] as const;

export function NewVersion({ name, template, onDone, onCancel }: Props) {
  const [newName, setNewName] = useState("");
  const [value, setValue] = useState<Json>(template);
  const [message, setMessage] = useState("");
  const [problem, setProblem] = useState<unknown>(null);
  const [isSaving, setSaving] = useState(false);
  const [wrong, setWrong] = useState<string[]>([]);
  const isText = typeof value === "string";
  const hasChanged = JSON.stringify(value) !== JSON.stringify(template);
  const isComplete = hasChanged && wrong.length === 0 && (name ?? newName.trim()) !== "" && !isEmpty(value);
  const choose = (kind: "text" | "chat") => {
    if (kind === "chat" && isText) setValue([{ role: "user", content: value }]);
    if (kind === "text" && !isText) setValue(asText(value));
  };
  const save = async (event: FormEvent) => {
    event.preventDefault();
    if (!isComplete) return;
    setSaving(true);
    setProblem(null);
    try {
      const wanted = name ?? newName.trim();
      onDone(wanted, await registerPrompt({ name: wanted, template: value, commit_message: message.trim() }));
    } catch (error) {
      setProblem(error);
    } finally {
      setSaving(false);
    }
  };
  return (
    <form
      className="prompt-new"
      aria-label={name === null ? "New prompt" : "New version"}
      onSubmit={(event) => void save(event)}
    >
      <div className="prompt-new-head">
        {name === null && (
          <label>
            <span className="dim">Name</span>
            <input
              className="field"
              // biome-ignore lint/a11y/noAutofocus: the form was opened to type this
              autoFocus
              value={newName}
              spellCheck={false}
              autoComplete="off"
              onChange={(event) => setNewName(event.target.value)}
            />
          </label>
        )}
        <Segments label="Template" value={isText ? "text" : "chat"} options={KINDS} onChange={choose} />
        <Variables names={variablesOf(value)} />
      </div>
      {isText ? (
        <textarea
          className="field mono try-text"
          aria-label="Template"
          dir="auto"
          rows={Math.max(4, rowsOf(value, 100))}
          placeholder="Answer briefly: {{question}}"
          value={value}
          onChange={(event) => setValue(event.target.value)}
        />
      ) : (
        <Messages
          dialect="chat"
          body={{ messages: value } as Fields}
          onChange={(body) => setValue(body.messages ?? [])}
          onWrong={(place, isWrong) =>
            setWrong((now) => [...now.filter((one) => one !== place), ...(isWrong ? [place] : [])])
          }
        />
      )}
      {problem !== null && <Problem error={problem} />}
      <div className="prompt-new-foot">
        <input
          className="field"
          aria-label="What has changed"
          placeholder="What has changed (optional)"
          value={message}
          onChange={(event) => setMessage(event.target.value)}
        />
        <button type="button" className="button" onClick={onCancel}>
          Cancel
        </button>
        <button type="submit" className="button solid" disabled={!isComplete || isSaving}>
          Save {name === null ? "prompt" : "version"}
        </button>
      </div>
    </form>
  );
}

export function Variables({ names }: { names: string[] }) {
  if (!names.length) return null;
  return (
    <span className="badges">
      {names.map((name) => (
        <span key={name} className="badge mono">
          {`{{${name}}}`}
        </span>
      ))}
    </span>
  );
}

const isEmpty = (value: Json) =>
  typeof value === "string" ? value.trim() === "" : Array.isArray(value) && !value.length;

const asText = (messages: Json): string =>
  Array.isArray(messages)
    ? messages
        .map((message) => {
          const content = (message as Fields).content;
          return typeof content === "string" ? content : JSON.stringify(content);
        })
        .join("\n\n")
    : "";
