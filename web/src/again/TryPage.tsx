// A model's call, tried again: everything in it can be changed, and any number of variants run side by side.

import "../styles/try.css";
import { useQuery } from "@tanstack/react-query";
import { ArrowLeft, Columns2, Play } from "lucide-react";
import { useEffect, useMemo, useRef, useState } from "react";
import { Link } from "wouter";
import { facets, spanPayload } from "../api/queries";
import type { Span } from "../api/types";
import { Conversation } from "../chat/Conversation";
import { duration, money, shortCount } from "../format";
import { promptVersion } from "../prompts/queries";
import { Code } from "../text/Code";
import { Problem } from "../ui/Problem";
import { useUrlState } from "../ui/url";
import { useMedia } from "../ui/useMedia";
import { type Fields, filled, NAMES, type Request, requestOf, requestOfPrompt, variablesOf } from "./body";
import { type ModelServer, modelServers } from "./queries";
import { type Run, run } from "./run";
import { figuresOf, type Variant, VariantColumn } from "./VariantColumn";

export default function TryPage() {
  const [url] = useUrlState();
  const [trace, step] = [url.get("trace"), url.get("step")];
  const [prompt, version] = [url.get("prompt"), url.get("version")];
  const servers = useQuery(modelServers());
  const call = useQuery({ ...spanPayload(trace ?? "", step ?? ""), enabled: Boolean(trace && step) });
  const registered = useQuery({ ...promptVersion(prompt ?? "", Number(version)), enabled: Boolean(prompt) });
  const span = call.data;
  const request = useMemo(() => {
    if (span) return requestOf(span);
    return registered.data ? requestOfPrompt(registered.data.content.template ?? "") : null;
  }, [span, registered.data]);
  const problem = servers.error ?? call.error ?? registered.error;
  const back = trace ? `/traces/${trace}?${new URLSearchParams({ span: step ?? "" })}` : "/prompts";
  return (
    <div className="page try">
      <header className="page-head">
        <Link
          href={prompt ? `/prompts/${encodeURIComponent(prompt)}?version=${version}` : back}
          className="button quiet square"
          aria-label={prompt ? "Back to the prompt" : "Back to the step"}
          title={prompt ? "Back to the prompt" : "Back to the step"}
        >
          <ArrowLeft aria-hidden />
        </Link>
        <h1>Try again</h1>
        <span className="dim try-what">{prompt ? `${prompt}, version ${version}` : span?.name}</span>
        <div id="try-tools" className="page-tools" />
      </header>
      {problem && <Problem error={problem} />}
      {!(trace && step) && !prompt && (
        <p className="page-note dim">
          Open a model's call in a <Link href="/traces">trace</Link>, or a <Link href="/prompts">prompt</Link>, and
          choose “Try again” there.
        </p>
      )}
      {servers.data && !servers.data.on && <Off />}
      {servers.data?.on && span && !request && (
        <p className="page-note">The request of this step was not kept, so it cannot be made again.</p>
      )}
      {servers.data?.on && request && (
        <Workbench
          key={`${trace} ${step} ${prompt} ${version}`}
          request={request}
          span={span ?? null}
          servers={servers.data.servers}
          origin={trace && step ? { trace_id: trace, span_id: step } : { prompt: `${prompt}/${version}` }}
        />
      )}
    </div>
  );
}

function Off() {
  return (
    <div className="page-empty">
      <h2>This server makes no calls</h2>
      <p>
        Started with <code>--try-again</code>, it sends a call again, to the providers whose keys are in its
        environment. The keys stay there.
      </p>
      <Code code={"export OPENAI_API_KEY=…\ntracer ui --try-again"} language="bash" />
    </div>
  );
}

interface Props {
  request: Request;
  span: Span | null;
  servers: ModelServer[];
  origin: { trace_id: string; span_id: string } | { prompt: string };
}

let counted = 0;

interface Left {
  variants: Variant[];
  values: Record<string, string>;
}

/** What was edited, for when one comes back to it. */
const left = new Map<string, Left>();

const settled = ({ variants, values }: Left): Left => ({
  values,
  variants: variants.map((one) =>
    one.run?.state === "running" ? { ...one, wrong: [], run: { ...one.run, state: "stopped" } } : { ...one, wrong: [] },
  ),
});

function Workbench({ request, span, servers, origin }: Props) {
  const fitting = useMemo(
    () => servers.filter((server) => server.dialects.includes(request.dialect)),
    [servers, request.dialect],
  );
  const recorded = span ? addressOf(span) : null;
  const itsOwn = recorded && fitting.find((server) => server.host === recorded.host && server.port === recorded.port);
  const fresh = (body: Fields): Variant => ({
    id: ++counted,
    body,
    server: (itsOwn ?? fitting[0])?.url ?? "",
    run: null,
    wrong: [],
  });
  const key = JSON.stringify(origin);
  const [variants, setVariants] = useState<Variant[]>(() => left.get(key)?.variants ?? [fresh(request.body)]);
  const [values, setValues] = useState<Record<string, string>>(() => left.get(key)?.values ?? {});
  const names = useMemo(
    () => ("prompt" in origin ? variablesOf(variants.map(({ body }) => body)) : []),
    [origin, variants],
  );
  const stops = useRef(new Map<number, AbortController>());
  useEffect(
    () => () => {
      for (const stop of stops.current.values()) stop.abort();
    },
    [],
  );

  const latest = useRef({ variants, values });
  latest.current = { variants, values };
  useEffect(() => () => void left.set(key, settled(latest.current)), [key]);

  const change = (id: number, changes: Partial<Variant>) =>
    setVariants((now) => now.map((one) => (one.id === id ? { ...one, ...changes } : one)));
  const start = (variant: Variant) => {
    if (!canRun(variant)) return;
    stops.current.get(variant.id)?.abort();
    const stop = new AbortController();
    stops.current.set(variant.id, stop);
    const body = names.length ? filled(variant.body, values) : variant.body;
    const tell = (now: Run) => stops.current.get(variant.id) === stop && change(variant.id, { run: now });
    void run({ server: variant.server, dialect: request.dialect, body, ...origin }, stop.signal, tell);
  };
  const add = (from: Variant) => {
    const copy = { ...from, id: ++counted, run: null };
    setVariants((now) => now.flatMap((one) => (one.id === from.id ? [one, copy] : [one])));
    window.setTimeout(() => document.getElementById(`variant-${copy.id}`)?.scrollIntoView({ inline: "nearest" }));
  };
  const remove = (id: number) => {
    stops.current.get(id)?.abort();
    setVariants((now) => now.filter((one) => one.id !== id));
  };
  const isRunning = variants.some(({ run }) => run?.state === "running");
  const base = span ? figuresOf(span) : null;
  const models = useModels();
  return (
    <>
      <div className="try-bar">
        <button
          type="button"
          className="button solid"
          disabled={!variants.some(canRun)}
          title="Run all (Ctrl Shift Enter)"
          onClick={() => variants.forEach(start)}
        >
          <Play aria-hidden /> {variants.length > 1 ? `Run all ${variants.length}` : "Run"}
        </button>
        <button type="button" className="button" onClick={() => add(variants.at(-1) as Variant)}>
          <Columns2 aria-hidden /> Add a variant
        </button>
        <span className="dim">
          {NAMES[request.dialect]}
          {request.isExact ? "" : ", made of the messages that were recorded"}
        </span>
        <span role="status" className="visually-hidden">
          {isRunning ? "Running" : ""}
        </span>
      </div>
      {fitting.length === 0 ? (
        <p className="notice warn">
          This server has no place to send {NAMES[request.dialect]} to. Start it with a provider's key in its
          environment, or with{" "}
          <code>--try-endpoint {recorded ? `http://${recorded.host}:${recorded.port}` : "URL"}</code>.
        </p>
      ) : (
        recorded &&
        !itsOwn && (
          <p className="notice warn">
            The call went to {recorded.host}:{recorded.port}, which this server may not ask; <code>--try-endpoint</code>{" "}
            would name it. Others are chosen below.
          </p>
        )
      )}
      {names.length > 0 && (
        <fieldset className="try-variables">
          <legend>Variables</legend>
          {names.map((name) => (
            <label key={name}>
              <span className="mono">{name}</span>
              <textarea
                className="field"
                rows={1}
                dir="auto"
                value={values[name] ?? ""}
                onChange={(event) => setValues({ ...values, [name]: event.target.value })}
              />
            </label>
          ))}
        </fieldset>
      )}
      <datalist id="known-models">
        {models.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      <ol
        className="try-columns"
        aria-label="Variants"
        onKeyDown={(event) => {
          if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
          event.preventDefault();
          const id = (event.target as HTMLElement).closest("[data-variant]")?.getAttribute("data-variant");
          for (const variant of variants) if (event.shiftKey || String(variant.id) === id) start(variant);
        }}
      >
        {span && <Recorded span={span} />}
        {variants.map((variant, index) => (
          <VariantColumn
            key={variant.id}
            number={index + 1}
            variant={variant}
            dialect={request.dialect}
            servers={fitting}
            base={base}
            origin={"trace_id" in origin ? origin : null}
            isAlone={variants.length === 1}
            canRun={canRun(variant)}
            onChange={(changes) => change(variant.id, changes)}
            onRun={() => start(variant)}
            onStop={() => stops.current.get(variant.id)?.abort()}
            onCopy={() => add(variant)}
            onRemove={() => remove(variant.id)}
          />
        ))}
      </ol>
    </>
  );
}

const canRun = ({ server, body, wrong }: Variant) =>
  Boolean(server) && wrong.length === 0 && typeof body.model === "string" && body.model !== "";

function Recorded({ span }: { span: Span }) {
  const isNarrow = useMedia("(max-width: 720px)");
  const figures = figuresOf(span);
  return (
    <li className="try-column recorded" aria-label="Recorded">
      <header className="try-head">
        <h2>Recorded</h2>
        <span className="dim clip">{span.model}</span>
      </header>
      {!isNarrow && (
        <section className="try-editor" aria-label="What was asked" tabIndex={0}>
          <Conversation system={span.system_instructions} input={span.input_messages ?? []} output={[]} />
        </section>
      )}
      <section className="try-reply" aria-label="What was replied" tabIndex={0}>
        <p className="try-figures num">
          <span>{duration(figures.duration)}</span>
          {figures.firstChunk !== null && <span>first chunk {duration(figures.firstChunk)}</span>}
          {figures.input !== null && (
            <span>
              {shortCount(figures.input)} → {shortCount(figures.output ?? 0)} tokens
            </span>
          )}
          {figures.cost !== null && <span>{money(figures.cost)}</span>}
        </p>
        {span.status === "ERROR" && <p className="notice error">{span.message ?? "The call failed."}</p>}
        <Conversation input={[]} output={span.output_messages ?? []} />
      </section>
    </li>
  );
}

function addressOf(span: Span): { host: string; port: number } | null {
  const [host, port] = [span.attributes["server.address"], span.attributes["server.port"]];
  return typeof host === "string" && host ? { host, port: Number(port ?? 443) } : null;
}

/** Names of models in the store, which are offered. */
function useModels(): string[] {
  const { data } = useQuery(facets({ filter: "", since_ns: null, until_ns: null }, ["model"]));
  const [model] = data?.facets ?? [];
  return model?.values.flatMap(({ value, folded }) => [value, ...folded]) ?? [];
}
