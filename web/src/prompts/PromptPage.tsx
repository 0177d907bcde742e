// A prompt: its versions, one of them with its text, what it changes, its aliases and its traces.

import "../styles/try.css";
import "../styles/prompts.css";
import { useQuery } from "@tanstack/react-query";
import { ArrowLeft, Plus, RotateCw, X } from "lucide-react";
import { type FormEvent, useState } from "react";
import { Link } from "wouter";
import { variablesOf } from "../again/body";
import { ago, count, fullTime, plural } from "../format";
import { CopyButton } from "../ui/Copy";
import { Problem } from "../ui/Problem";
import { useUrlState } from "../ui/url";
import { promptAddress, tracesWithPrompt, usedOneOf } from "./links";
import { NewVersion, Variables } from "./NewVersion";
import { Tags } from "./PromptsPage";
import { type Prompt, promptUse, promptVersions, setAlias } from "./queries";
import { Difference, Template } from "./Template";

const FIRST = 50;

export default function PromptPage({ name }: { name: string }) {
  const [url, setUrl] = useUrlState();
  const query = useQuery(promptVersions(name));
  const versions = query.data ?? [];
  const [limit, setLimit] = useState(FIRST);
  const shown = versions.find(({ number }) => String(number) === url.get("version")) ?? versions[0];
  const numbers = versions.map(({ number }) => number);
  const use = useQuery({ ...promptUse(usedOneOf(name, numbers.slice(0, 500))), enabled: numbers.length > 0 });
  const isEditing = url.has("new");
  return (
    <div className="page prompt">
      <header className="page-head">
        <Link href="/prompts" className="button quiet square" aria-label="All prompts" title="All prompts">
          <ArrowLeft aria-hidden />
        </Link>
        <h1 className="long-title">
          <bdi>{name}</bdi>
        </h1>
        {shown && (
          <div className="page-tools">
            <Link
              className="button"
              href={`/try?${new URLSearchParams({ prompt: name, version: String(shown.number) })}`}
            >
              <RotateCw aria-hidden /> Try it
            </Link>
            <button
              type="button"
              className="button"
              aria-expanded={isEditing}
              onClick={() => setUrl({ new: isEditing ? null : "1" })}
            >
              <Plus aria-hidden /> New version
            </button>
          </div>
        )}
      </header>
      {query.isError && <Problem error={query.error} retry={() => void query.refetch()} />}
      {query.isSuccess && !shown && (
        <div className="page-empty">
          <h2>There is no such prompt</h2>
          <p>
            No prompt of this store is called <bdi>{name}</bdi>. <Link href="/prompts">All prompts</Link>
          </p>
        </div>
      )}
      {shown && (
        <div className="prompt-body">
          <nav aria-label="Versions">
            <ol className="prompt-versions">
              {versions.slice(0, limit).map((version) => (
                <li key={version.id}>
                  <Link
                    href={promptAddress(name, version.number)}
                    aria-current={version === shown ? "true" : undefined}
                    className="prompt-version"
                  >
                    <span className="strong num">Version {version.number}</span>
                    <span className="dim num" title={fullTime(version.created_ns)}>
                      {ago(version.created_ns)}
                    </span>
                    {version.content.commit_message && (
                      <span className="clip-lines" dir="auto">
                        {version.content.commit_message}
                      </span>
                    )}
                    <span className="badges">
                      {aliasesOf(version).map((alias) => (
                        <span key={alias} className="badge">
                          {alias}
                        </span>
                      ))}
                    </span>
                  </Link>
                </li>
              ))}
            </ol>
            {versions.length > limit && (
              <button type="button" className="button" onClick={() => setLimit(limit + 200)}>
                Show {count(Math.min(200, versions.length - limit))} older
              </button>
            )}
          </nav>
          {isEditing ? (
            <NewVersion
              key={shown.id}
              name={name}
              template={shown.content.template ?? ""}
              onDone={(_, version) => setUrl({ version: String(version), against: null, new: null })}
              onCancel={() => setUrl({ new: null })}
            />
          ) : (
            <Version
              key={shown.id}
              version={shown}
              versions={versions}
              against={url.get("against")}
              onAgainst={(number) => setUrl({ version: String(shown.number), against: number })}
              traces={use.data?.counts.get(`${name}/${shown.number}`) ?? (use.isSuccess ? 0 : null)}
            />
          )}
        </div>
      )}
    </div>
  );
}

const aliasesOf = ({ aliases, number }: Prompt) =>
  Object.entries(aliases).flatMap(([alias, of]) => (of === number ? [alias] : []));

interface VersionProps {
  version: Prompt;
  versions: Prompt[];
  against: string | null;
  onAgainst: (number: string | null) => void;
  traces: number | null;
}

function Version({ version, versions, against, onAgainst, traces }: VersionProps) {
  const { name, number, content } = version;
  const other = versions.find((one) => String(one.number) === against && one.number !== number);
  const asText = typeof content.template === "string" ? content.template : JSON.stringify(content.template, null, 2);
  return (
    <article className="prompt-main" aria-label={`Version ${number}`}>
      <div className="prompt-facts">
        <h2>Version {number}</h2>
        <span className="dim num" title={fullTime(version.created_ns)}>
          {ago(version.created_ns)}
        </span>
        {traces !== null &&
          (traces ? (
            <Link href={tracesWithPrompt(name, [number])}>{plural(traces, "trace")} used it</Link>
          ) : (
            <span className="dim">no trace used it</span>
          ))}
        <Tags tags={version.tags} />
        <span className="try-actions">
          <CopyButton text={asText ?? ""} label="Copy the template" />
        </span>
      </div>
      {content.commit_message && <p dir="auto">{content.commit_message}</p>}
      <AliasEditor version={version} />
      <div className="prompt-facts">
        <label>
          <span className="dim">Compare with</span>{" "}
          <select
            className="field"
            value={other?.number ?? ""}
            onChange={(event) => onAgainst(event.target.value || null)}
          >
            <option value="">nothing</option>
            {versions.map(
              (one) =>
                one.number !== number && (
                  <option key={one.id} value={one.number}>
                    Version {one.number} {aliasesOf(one).join(", ")}
                  </option>
                ),
            )}
          </select>
        </label>
        {!other && <Variables names={variablesOf(content.template ?? "")} />}
        {other && (
          <span className="dim">
            <ins className="key-mark">only in {number}</ins> <del className="key-mark">only in {other.number}</del>
          </span>
        )}
      </div>
      {other ? (
        <Difference before={other.content.template} after={content.template} />
      ) : (
        <Template template={content.template} />
      )}
    </article>
  );
}

function AliasEditor({ version }: { version: Prompt }) {
  const [alias, setNewAlias] = useState("");
  const [problem, setProblem] = useState<unknown>(null);
  const change = async (wanted: string, number: number | null) => {
    setProblem(null);
    try {
      await setAlias(version.name, wanted, number);
      setNewAlias("");
    } catch (error) {
      setProblem(error);
    }
  };
  const add = (event: FormEvent) => {
    event.preventDefault();
    if (alias.trim()) void change(alias.trim(), version.number);
  };
  const elsewhere = version.aliases[alias.trim()];
  return (
    <>
      <form className="prompt-aliases" onSubmit={add}>
        <span className="dim">Aliases</span>
        {aliasesOf(version).map((one) => (
          <span key={one} className="badge alias">
            {one}
            <button
              type="button"
              aria-label={`Take the alias ${one} away`}
              title={`Take ${one} away`}
              onClick={() => void change(one, null)}
            >
              <X aria-hidden />
            </button>
          </span>
        ))}
        <input
          className="field"
          aria-label="New alias"
          placeholder="add one"
          list="aliases-elsewhere"
          value={alias}
          spellCheck={false}
          autoComplete="off"
          onChange={(event) => setNewAlias(event.target.value)}
        />
        <datalist id="aliases-elsewhere">
          {Object.keys(version.aliases).map((one) => (
            <option key={one} value={one} />
          ))}
        </datalist>
        <button type="submit" className="button" disabled={!alias.trim()}>
          {elsewhere !== undefined && elsewhere !== version.number ? `Move from version ${elsewhere}` : "Set"}
        </button>
      </form>
      {problem !== null && <Problem error={problem} />}
    </>
  );
}
