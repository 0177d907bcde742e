// Content of one step: the conversation, inputs and outputs, attributes, events, cost, feedback.

import { Tab, TabList, TabPanel, TabProvider } from "@ariakit/react";
import { useQuery } from "@tanstack/react-query";
import { RotateCw } from "lucide-react";
import { useEffect, useMemo } from "react";
import { Link, useLocation } from "wouter";
import { Tries } from "../again/Tries";
import { spanPayload } from "../api/queries";
import type { LightSpan, Span, Trace } from "../api/types";
import { AuditTab } from "../audit/AuditTab";
import { addOne } from "../datasets/rows";
import { duration, money, shortCount, totalTokens } from "../format";
import { ErrorBoundary } from "../shell/ErrorBoundary";
import { ModeChoice } from "../text/mode";
import { useKeys } from "../ui/keys";
import { Problem } from "../ui/Problem";
import { TypeIcon, typeWord } from "../ui/SpanType";
import { StateBadge } from "../ui/State";
import { useUrlState } from "../ui/url";
import { AddToDataset } from "./AddToDataset";
import { Attributes } from "./Attributes";
import { Breakdown } from "./Breakdown";
import { ChatTab } from "./ChatTab";
import { ErrorBox } from "./ErrorBox";
import { Events } from "./Events";
import { Feedback } from "./Feedback";
import { InOut } from "./InOut";
import { SpanCopyMenu } from "./SpanCopyMenu";
import { StoryTab } from "./StoryTab";
import { isRunning, lastModelCall, type Node, type Tree } from "./tree";
import { useHighlights } from "./useHighlights";

interface Props {
  trace: Trace;
  node: Node;
  tree: Tree;
  onSelect: (spanId: string) => void;
}

export function SpanPanel({ trace, node, tree, onSelect }: Props) {
  const light = node.span;
  const running = isRunning(light);
  const query = useQuery(spanPayload(trace.trace_id, light.span_id, light.duration_ns ?? (running ? -1 : 0)));
  const { refetch } = query;
  const [, navigate] = useLocation();
  useKeys({ t: () => isModelCall(light) && navigate(tryAddress(trace.trace_id, light.span_id)) });
  // biome-ignore lint/correctness/useExhaustiveDependencies: a change of the trace may bring values of a running step
  useEffect(() => {
    if (running) void refetch();
  }, [running, refetch, trace.seq]);
  return (
    <article className="span-panel" aria-label={`Step ${light.name}`}>
      <header className="span-head">
        <TypeIcon type={light.type} />
        <h2 title={light.name}>{light.name || "(no name)"}</h2>
        <span className="dim">{typeWord(light.type)}</span>
        {light.status !== "UNSET" && light.status !== "OK" && <StateBadge state={light.status} />}
        <span className="span-tools push">
          {isModelCall(light) && (
            <Link
              className="button quiet"
              href={tryAddress(trace.trace_id, light.span_id)}
              title="Try again, with changes (t)"
            >
              <RotateCw aria-hidden /> Try again
            </Link>
          )}
          {query.data && node.parent && hasInputs(query.data) && (
            <AddToDataset add={addOne(trace.trace_id, light.span_id)} label="Add this step to a dataset" />
          )}
          {query.data && <SpanCopyMenu traceId={trace.trace_id} span={query.data} />}
        </span>
      </header>
      <dl className="facts">
        <div>
          <dt className="visually-hidden">Duration</dt>
          <dd className="num">{running ? "running" : duration(light.duration_ns)}</dd>
        </div>
        {light.first_chunk_ns ? (
          <div>
            <dt className="visually-hidden">Time to first chunk</dt>
            <dd className="num">first chunk after {duration(light.first_chunk_ns)}</dd>
          </div>
        ) : null}
        {light.model && (
          <div>
            <dt className="visually-hidden">Model</dt>
            <dd>
              <span className="long-id" title={light.model}>
                {light.model}
              </span>
            </dd>
          </div>
        )}
        {light.usage && (
          <div title={`${shortCount(light.usage.input_tokens)} in, ${shortCount(light.usage.output_tokens)} out`}>
            <dt className="visually-hidden">Tokens</dt>
            <dd className="num">
              {shortCount(light.usage.input_tokens ?? 0)} → {shortCount(light.usage.output_tokens ?? 0)} tokens
              <span className="visually-hidden"> ({totalTokens(light.usage)} in all)</span>
            </dd>
          </div>
        )}
        {light.cost && (
          <div>
            <dt className="visually-hidden">Cost</dt>
            <dd className="num">{money(light.cost.total_cost)}</dd>
          </div>
        )}
      </dl>
      {isModelCall(light) && <Tries traceId={trace.trace_id} spanId={light.span_id} />}
      {query.isError ? (
        <Problem error={query.error} retry={() => void query.refetch()} />
      ) : query.data ? (
        <Tabs trace={trace} span={query.data} node={node} tree={tree} onSelect={onSelect} />
      ) : (
        <div className="pad" aria-busy="true">
          <div className="skeleton" />
        </div>
      )}
    </article>
  );
}

const isModelCall = (span: LightSpan) => span.type === "CHAT_MODEL" || span.type === "LLM";

const tryAddress = (traceId: string, spanId: string) => `/try?${new URLSearchParams({ trace: traceId, step: spanId })}`;

function Tabs({ trace, span, node, tree, onSelect }: Props & { span: Span }) {
  const [url, setUrl] = useUrlState();
  const feedback = trace.assessments.filter(
    (given) => given.span_id === span.span_id || (given.span_id === null && !node.parent),
  );
  const call = useMemo(() => (hasMessages(span) ? null : lastModelCall(node)), [span, node]);
  const tabs = tabsOf(span, call !== null, feedback.length, node.parent === null);
  const wanted = url.get("tab") ?? "chat";
  const current = tabs.some((tab) => tab.id === wanted) ? wanted : (tabs[0]?.id ?? "io");
  const choose = (id: string) => setUrl({ tab: id }, true);
  useEffect(() => {
    document.getElementById("span-panel-body")?.scrollTo({ top: 0 });
  }, []);
  useHighlights("span-panel-body", url.get("find") ?? "");
  return (
    <TabProvider selectedId={current} setSelectedId={(id) => id && id !== current && choose(id)}>
      <div className="tabs-row">
        <TabList className="tabs" aria-label="About this step">
          {tabs.map((tab) => (
            <Tab key={tab.id} id={tab.id}>
              {tab.word}
              {tab.count ? <span className="tab-count">{tab.count}</span> : null}
            </Tab>
          ))}
        </TabList>
        {(current === "chat" || current === "io") && <ModeChoice />}
      </div>
      <TabPanel tabId={current} id="span-panel-body" className="span-body">
        <ErrorBoundary key={`${span.span_id} ${current}`} part="This view of the step">
          <ErrorBox span={span} node={node} onSelect={onSelect} />
          {current === "chat" &&
            (call ? (
              <StoryTab traceId={trace.trace_id} call={call} onSelect={onSelect}>
                <InOut span={span} isRunning={isRunning(node.span)} />
              </StoryTab>
            ) : (
              <ChatTab span={span} />
            ))}
          {current === "io" && <InOut span={span} isRunning={isRunning(node.span)} />}
          {current === "attributes" && <Attributes span={span} trace={trace} isRoot={node.parent === null} />}
          {current === "events" && <Events span={span} />}
          {current === "cost" && <Breakdown tree={tree} node={node} span={span} onSelect={onSelect} />}
          {current === "audit" && <AuditTab traceId={trace.trace_id} />}
          {current === "feedback" && (
            <Feedback trace={trace} spanId={node.parent ? span.span_id : null} given={feedback} />
          )}
        </ErrorBoundary>
      </TabPanel>
    </TabProvider>
  );
}

const hasInputs = (span: Span) => span.inputs !== null || Boolean(span.input_messages?.length);

const hasMessages = (span: Span) =>
  Boolean(span.input_messages?.length || span.output_messages?.length || span.system_instructions?.length);

function tabsOf(
  span: Span,
  hasStory: boolean,
  feedback: number,
  isRoot: boolean,
): { id: string; word: string; count?: number }[] {
  return [
    ...(hasStory || hasMessages(span) ? [{ id: "chat", word: hasStory ? "Conversation" : "Chat" }] : []),
    { id: "io", word: "Input & output" },
    { id: "events", word: "Events", count: span.events.length },
    { id: "attributes", word: "Attributes" },
    { id: "cost", word: "Tokens & cost" },
    ...(isRoot ? [{ id: "audit", word: "Audit" }] : []),
    { id: "feedback", word: "Feedback", count: feedback },
  ];
}
