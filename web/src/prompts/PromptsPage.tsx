// The registered prompts.

import "../styles/try.css";
import "../styles/prompts.css";
import { useQuery } from "@tanstack/react-query";
import { Plus, Search } from "lucide-react";
import { useRef } from "react";
import { Link, useLocation } from "wouter";
import { ago, count, fullTime, plural } from "../format";
import { Code } from "../text/Code";
import { useKeys } from "../ui/keys";
import { Problem } from "../ui/Problem";
import { useUrlState } from "../ui/url";
import { useMedia } from "../ui/useMedia";
import { usePage } from "../ui/usePage";
import { promptAddress, tracesWithPrompt } from "./links";
import { NewVersion } from "./NewVersion";
import { type Prompt, promptList, promptUse } from "./queries";

const LINES = `tracer.register_prompt("answer", "Answer briefly: {{question}}")

prompt = tracer.load_prompt("answer@production")
messages = prompt.format(question="Is there a tram at night?")`;

const PAGE = 100;

export default function PromptsPage() {
  const [url, setUrl] = useUrlState();
  const [, navigate] = useLocation();
  const isNarrow = useMedia("(max-width: 720px)");
  const list = useQuery(promptList());
  const use = useQuery(promptUse());
  const box = useRef<HTMLInputElement>(null);
  useKeys({ "/": () => box.current?.focus() });
  const words = (url.get("find") ?? "").toLowerCase();
  const prompts = list.data?.filter((prompt) => matches(prompt, words)) ?? [];
  const [from, to, pager] = usePage(prompts.length, PAGE, "prompts");
  const isNew = url.has("new");
  const rows = prompts.slice(from, to);
  return (
    <div className="page">
      <header className="page-head">
        <h1>Prompts</h1>
        <div className="page-tools">
          <div className="search-field">
            <Search aria-hidden className="icon" />
            <input
              ref={box}
              type="search"
              aria-label="Find a prompt"
              placeholder="Find a prompt"
              value={url.get("find") ?? ""}
              onChange={(event) => setUrl({ find: event.target.value }, true)}
              onKeyDown={(event) => event.key === "Escape" && event.currentTarget.blur()}
            />
          </div>
          <button
            type="button"
            className="button"
            aria-expanded={isNew}
            onClick={() => setUrl({ new: isNew ? null : "1" })}
          >
            <Plus aria-hidden /> New prompt
          </button>
        </div>
      </header>
      {isNew && (
        <NewVersion
          name={null}
          template=""
          onDone={(name, version) => navigate(promptAddress(name, version))}
          onCancel={() => setUrl({ new: null })}
        />
      )}
      {list.isError && <Problem error={list.error} retry={() => void list.refetch()} />}
      {use.isError && !list.isError && <Problem error={use.error} retry={() => void use.refetch()} />}
      {list.isSuccess && list.data.length === 0 && !isNew && (
        <div className="page-empty">
          <h2>No prompts yet</h2>
          <p>A prompt that is registered has versions and aliases, and traces say which one they used.</p>
          <Code code={LINES} language="python" />
        </div>
      )}
      {list.isSuccess && list.data.length > 0 && prompts.length === 0 && (
        <p className="page-note dim">No prompt has this in its name, tags, aliases or message.</p>
      )}
      {rows.length > 0 && isNarrow && (
        <ul className="cards">
          {rows.map((prompt) => (
            <li key={prompt.name} className="card">
              <h2>
                <Link href={promptAddress(prompt.name, prompt.number)}>
                  <bdi>{prompt.name}</bdi>
                </Link>
              </h2>
              <p className="clip-lines" dir="auto">
                {prompt.content.commit_message}
              </p>
              <p>
                <Aliases prompt={prompt} />
              </p>
              <p className="dim num">
                version {prompt.number} · {ago(prompt.created_ns)}
              </p>
              <p className="num">
                <Traces prompt={prompt} counts={use.data?.counts} word />
              </p>
            </li>
          ))}
        </ul>
      )}
      {rows.length > 0 && !isNarrow && (
        <div className="table-scroll">
          <table className="plain list">
            <thead>
              <tr>
                <th scope="col">Prompt</th>
                <th scope="col" className="right">
                  Version
                </th>
                <th scope="col">Aliases</th>
                <th scope="col">Last change</th>
                <th scope="col">Message</th>
                <th scope="col">Tags</th>
                <th scope="col" className="right">
                  Traces
                </th>
              </tr>
            </thead>
            <tbody>
              {rows.map((prompt) => (
                <tr key={prompt.name}>
                  <td className="clip-id">
                    <Link className="strong" href={promptAddress(prompt.name, prompt.number)} title={prompt.name}>
                      <bdi>{prompt.name}</bdi>
                    </Link>
                  </td>
                  <td className="right num">{prompt.number}</td>
                  <td>
                    <Aliases prompt={prompt} />
                  </td>
                  <td className="num nowrap" title={fullTime(prompt.created_ns)}>
                    {ago(prompt.created_ns)}
                  </td>
                  <td className="clip" dir="auto" title={prompt.content.commit_message ?? ""}>
                    {prompt.content.commit_message}
                  </td>
                  <td>
                    <Tags tags={prompt.tags} />
                  </td>
                  <td className="right num">
                    <Traces prompt={prompt} counts={use.data?.counts} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {pager}
      {use.data && !use.data.isWhole && (
        <p className="dim page-note">Traces are counted among the newest that used a prompt.</p>
      )}
    </div>
  );
}

const matches = ({ name, tags, aliases, content }: Prompt, words: string) =>
  !words ||
  [name, content.commit_message ?? "", ...Object.keys(aliases), ...Object.entries(tags).flat()].some((text) =>
    text.toLowerCase().includes(words),
  );

function Aliases({ prompt }: { prompt: Prompt }) {
  return (
    <span className="badges">
      {Object.entries(prompt.aliases).map(([alias, number]) => (
        <Link
          key={alias}
          className="badge"
          href={promptAddress(prompt.name, number)}
          title={`${alias} is version ${number}`}
        >
          {alias} {number}
        </Link>
      ))}
    </span>
  );
}

export function Tags({ tags }: { tags: Record<string, string> }) {
  return (
    <span className="badges">
      {Object.entries(tags).map(([key, value]) => (
        <span key={key} className="badge" title={`${key}: ${value}`}>
          {key}: {value}
        </span>
      ))}
    </span>
  );
}

function Traces({
  prompt,
  counts,
  word = false,
}: {
  prompt: Prompt;
  counts: Map<string, number> | undefined;
  word?: boolean;
}) {
  const used = [...(counts ?? [])].flatMap(([key, times]) => {
    const [name, version] = key.split("/");
    return name === prompt.name && version ? [{ version, times }] : [];
  });
  const sum = used.reduce((total, { times }) => total + times, 0);
  const text = word ? plural(sum, "trace") : count(sum);
  if (!counts) return null;
  if (!sum) return <span className="dim">{text}</span>;
  return (
    <Link
      href={tracesWithPrompt(
        prompt.name,
        used.map(({ version }) => version),
      )}
      aria-label={`${plural(sum, "trace")} that used ${prompt.name}`}
    >
      {text}
    </Link>
  );
}
