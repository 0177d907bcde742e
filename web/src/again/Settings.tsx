// Where a request goes, its model, its parameters and its tools.

import { Plus, Trash2, X } from "lucide-react";
import { useState } from "react";
import type { Json } from "../api/types";
import { plural } from "../format";
import { isContainer } from "../text/exact";
import {
  type Dialect,
  type Fields,
  newTool,
  PARAMETERS,
  parameterPath,
  parametersOf,
  put,
  toolName,
  typed,
  untyped,
} from "./body";
import { JsonField } from "./JsonField";
import { IconButton } from "./Messages";
import type { ModelServer } from "./queries";

interface Props {
  dialect: Dialect;
  body: Fields;
  server: string;
  servers: ModelServer[];
  onBody: (body: Fields) => void;
  onServer: (url: string) => void;
  onWrong: (place: string, isWrong: boolean) => void;
}

export function Settings({ dialect, body, server, servers, onBody, onServer, onWrong }: Props) {
  const parameters = parametersOf(dialect, body);
  return (
    <div className="try-settings">
      <label className="try-setting">
        <span>Model</span>
        <input
          className="field"
          list="known-models"
          value={typeof body.model === "string" ? body.model : ""}
          placeholder="name of a model"
          spellCheck={false}
          autoComplete="off"
          onChange={(event) => onBody({ ...body, model: event.target.value })}
        />
      </label>
      <label className="try-setting">
        <span>Server</span>
        <select className="field" value={server} onChange={(event) => onServer(event.target.value)}>
          {servers.map(({ url }) => (
            <option key={url} value={url}>
              {url.replace(/^https:\/\//, "")}
            </option>
          ))}
        </select>
      </label>
      {parameters.map(({ path, name, value }) => (
        <Parameter
          key={name}
          name={name}
          value={value}
          onChange={(next) => onBody(put(body, path, next))}
          onRemove={() => onBody(put(body, path, undefined))}
          onWrong={(isWrong) => onWrong(name, isWrong)}
        />
      ))}
      <NewParameter
        names={PARAMETERS[dialect].filter((name) => !parameters.some((one) => one.name === name))}
        id={`parameters-${dialect}`}
        onAdd={(name) => onBody(put(body, parameterPath(name), ""))}
      />
      <Tools dialect={dialect} body={body} onBody={onBody} onWrong={onWrong} />
    </div>
  );
}

interface ParameterProps {
  name: string;
  value: Json;
  onChange: (value: Json) => void;
  onRemove: () => void;
  onWrong: (isWrong: boolean) => void;
}

function Parameter({ name, value, onChange, onRemove, onWrong }: ParameterProps) {
  const [text, setText] = useState(() => typed(value));
  return (
    <div className={`try-setting ${isContainer(value) ? "wide" : ""}`}>
      <span className="clip" title={name}>
        {name}
      </span>
      {isContainer(value) ? (
        <div>
          <JsonField label={name} value={value} onChange={onChange} onWrong={onWrong} />
        </div>
      ) : (
        <input
          className="field mono"
          aria-label={name}
          value={text}
          spellCheck={false}
          autoComplete="off"
          onChange={(event) => {
            setText(event.target.value);
            onChange(untyped(event.target.value));
          }}
        />
      )}
      <IconButton label={`Remove ${name}`} onClick={onRemove} icon={X} />
    </div>
  );
}

function NewParameter({ names, id, onAdd }: { names: string[]; id: string; onAdd: (name: string) => void }) {
  const [name, setName] = useState("");
  return (
    <form
      className="try-setting"
      onSubmit={(event) => {
        event.preventDefault();
        if (name.trim()) onAdd(name.trim());
        setName("");
      }}
    >
      <span className="dim">Parameter</span>
      <input
        className="field"
        aria-label="Name of a new parameter"
        placeholder="add one"
        list={id}
        value={name}
        spellCheck={false}
        autoComplete="off"
        onChange={(event) => setName(event.target.value)}
      />
      <datalist id={id}>
        {names.map((one) => (
          <option key={one} value={one} />
        ))}
      </datalist>
      <button type="submit" className="button quiet square small" aria-label="Add the parameter" title="Add">
        <Plus aria-hidden />
      </button>
    </form>
  );
}

function Tools({ dialect, body, onBody, onWrong }: Pick<Props, "dialect" | "body" | "onBody" | "onWrong">) {
  const tools = Array.isArray(body.tools) ? body.tools : [];
  const set = (next: Json[]) => onBody(put(body, ["tools"], next.length ? next : undefined));
  return (
    <details className="try-tools">
      <summary>{tools.length ? plural(tools.length, "tool") : "No tools"}</summary>
      <ul className="try-tool-list">
        {tools.map((tool, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: tools have no other identity, names may be edited
          <li key={index}>
            <details>
              <summary>
                <span className="mono">{toolName(tool)}</span>
              </summary>
              <JsonField
                label={`Tool ${index + 1}`}
                value={tool}
                onChange={(next) => onBody(put(body, ["tools", index], next))}
                onWrong={(isWrong) => onWrong(`tools.${index}`, isWrong)}
              />
            </details>
            <IconButton
              label={`Remove tool ${toolName(tool)}`}
              onClick={() => set(tools.filter((_, at) => at !== index))}
              icon={Trash2}
            />
          </li>
        ))}
      </ul>
      <button type="button" className="button quiet" onClick={() => set([...tools, newTool(dialect)])}>
        <Plus aria-hidden /> Tool
      </button>
    </details>
  );
}
