// Forms for a new project and a new key, and the key that is shown once.

import { KeyRound } from "lucide-react";
import { type FormEvent, type ReactNode, useState } from "react";
import { request } from "../api/client";
import { CopyButton } from "../ui/Copy";
import { Problem } from "../ui/Problem";
import { ROLES, type Role } from "./queries";

const MEANINGS: Record<Role, string> = {
  write: "send, for programs",
  read: "see everything of the project",
  metrics: "the server's figures, for Prometheus",
  admin: "projects and keys",
};

export function NewProject({ onCancel, onDone }: { onCancel: () => void; onDone: () => void }) {
  const [name, setName] = useState("");
  return (
    <Form
      action="Make"
      isReady={name !== ""}
      onCancel={onCancel}
      onSubmit={async () => {
        await request("/projects", {}, { method: "POST", json: { name } });
        onDone();
      }}
    >
      <label>
        Name of the new project: small letters, digits, - and _
        <input
          className="field"
          value={name}
          maxLength={63}
          // biome-ignore lint/a11y/noAutofocus: the form was asked for by a click
          autoFocus
          onChange={(event) => setName(event.target.value.trim())}
        />
      </label>
    </Form>
  );
}

interface KeyProps {
  projects: string[];
  project: string;
  onCancel: () => void;
  onDone: (secret: string) => void;
}

export function NewKey({ projects, project: first, onCancel, onDone }: KeyProps) {
  const [name, setName] = useState("");
  const [project, setProject] = useState(first);
  const [roles, setRoles] = useState<Role[]>(["write"]);
  return (
    <Form
      action="Make"
      isReady={name.trim() !== "" && roles.length > 0}
      onCancel={onCancel}
      onSubmit={async () => {
        const json = { name: name.trim(), project, roles };
        onDone((await request<{ secret: string }>("/keys", {}, { method: "POST", json })).secret);
      }}
    >
      <label>
        Whose key it is
        <input
          className="field"
          value={name}
          maxLength={100}
          // biome-ignore lint/a11y/noAutofocus: the form was asked for by a click
          autoFocus
          onChange={(event) => setName(event.target.value)}
        />
      </label>
      <label className="short">
        Project
        <select className="field" value={project} onChange={(event) => setProject(event.target.value)}>
          {projects.map((one) => (
            <option key={one}>{one}</option>
          ))}
        </select>
      </label>
      <fieldset className="roles">
        <legend>What it is for</legend>
        {ROLES.map((role) => (
          <label key={role}>
            <input
              type="checkbox"
              checked={roles.includes(role)}
              onChange={(event) =>
                setRoles(event.target.checked ? [...roles, role] : roles.filter((other) => other !== role))
              }
            />
            {role} <span className="dim">{MEANINGS[role]}</span>
          </label>
        ))}
      </fieldset>
    </Form>
  );
}

export function Shown({ secret, onDone }: { secret: string; onDone: () => void }) {
  return (
    <div className="notice warn shown-once" role="status">
      <KeyRound aria-hidden />
      <div>
        <p>This is the key. It is shown this once, and not kept: copy it now.</p>
        <p className="mono">
          {secret} <CopyButton text={secret} label="Copy the key" />
        </p>
      </div>
      <button type="button" className="button" onClick={onDone}>
        Done
      </button>
    </div>
  );
}

interface FormProps {
  action: string;
  isReady: boolean;
  onCancel: () => void;
  onSubmit: () => Promise<void>;
  children: ReactNode;
}

function Form({ action, isReady, onCancel, onSubmit, children }: FormProps) {
  const [problem, setProblem] = useState<unknown>(null);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void onSubmit().catch(setProblem);
  };
  return (
    <form className="inline-form" onSubmit={submit} onKeyDown={(event) => event.key === "Escape" && onCancel()}>
      {children}
      <button type="submit" className="button solid" disabled={!isReady}>
        {action}
      </button>
      <button type="button" className="button" onClick={onCancel}>
        Cancel
      </button>
      {problem !== null && <Problem error={problem} />}
    </form>
  );
}
