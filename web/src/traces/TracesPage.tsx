// The list of traces: search, facets, order, live updates.

import { useQuery } from "@tanstack/react-query";
import { ArrowUp, Columns3, ListChecks, PanelLeft, Radio, Unplug } from "lucide-react";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { useLocation } from "wouter";
import { ApiError } from "../api/client";
import { useIsLost } from "../api/live";
import { histogram, refreshAll } from "../api/queries";
import { count, plural } from "../format";
import { rememberList, traceAddress } from "../trace/neighbours";
import { useKeys } from "../ui/keys";
import { Problem } from "../ui/Problem";
import { useSelection } from "../ui/range";
import { useRemembered } from "../ui/remembered";
import { TimeRange } from "../ui/TimeRange";
import { useUrlState } from "../ui/url";
import { useMedia } from "../ui/useMedia";
import { BAR_METRICS, barMetricOf } from "./barMetric";
import { ColumnMenu } from "./ColumnMenu";
import { COLUMNS, DEFAULT_COLUMNS } from "./columns";
import { conjuncts, toggleCondition } from "./conditions";
import { Experiments } from "./Experiments";
import { FacetList } from "./FacetList";
import { FacetSheet } from "./FacetSheet";
import { FilterBox } from "./FilterBox";
import { GetStarted } from "./GetStarted";
import { Histogram } from "./Histogram";
import { MarkedBar } from "./MarkedBar";
import { TraceTable } from "./TraceTable";
import { useTraceList } from "./useTraceList";
import { Views } from "./Views";
import { searchedWords } from "./written";

export function TracesPage() {
  const [url, setUrl] = useUrlState();
  const [, navigate] = useLocation();
  const selection = useSelection(url);
  const order = url.get("order") ?? "timestamp desc";
  const { query, traces, newTraces, showNewTraces, onView } = useTraceList(selection, order);
  const { data: sums } = useQuery(histogram(selection, 80));
  const [kept, setKept] = useRemembered("columns", DEFAULT_COLUMNS);
  const [hasFacets, setFacets] = useRemembered("facets", true);
  const [isLive, setLive] = useRemembered("live", true);
  const isNarrow = useMedia("(max-width: 720px)");
  const chosen = url.get("columns")?.split(",") ?? kept;
  const words = useMemo(() => searchedWords(conjuncts(selection.filter)), [selection.filter]);
  const columns = useMemo(() => COLUMNS.filter((column) => chosen.includes(column.id)), [chosen]);
  const metric = barMetricOf(url.get("bars"));
  const [active, setActive] = useState(-1);
  const [marked, setMarked] = useState<ReadonlySet<string>>(() => new Set());
  const [isMarking, setMarking] = useState(false);
  const isLost = useIsLost();
  const box = useRef<HTMLInputElement>(null);
  const scroller = useRef<HTMLDivElement>(null);

  useEffect(() => {
    rememberList(
      url.toString(),
      traces.map((trace) => trace.trace_id),
    );
  }, [url, traces]);
  // at the top of the list with no row selected, new rows move nothing that the user reads
  const mayInsert =
    isLive &&
    active < 0 &&
    newTraces.length > 0 &&
    (scroller.current?.scrollTop ?? 0) < 8 &&
    order === "timestamp desc";
  useEffect(() => {
    if (mayInsert) showNewTraces();
  });

  const filter = (text: string) => setUrl({ filter: text });
  const narrow = (wanted: string) => filter(toggleCondition(selection.filter, wanted));
  const sortBy = (next: string) => setUrl({ order: next === "timestamp desc" ? null : next });
  const open = useCallback((id: string) => navigate(traceAddress(id, words)), [navigate, words]);
  const mark = useCallback(
    (id: string) =>
      setMarked((before) => {
        const next = new Set(before);
        if (!next.delete(id)) next.add(id);
        return next;
      }),
    [],
  );
  const fetchNextPage = query.fetchNextPage;
  const canFetch = query.hasNextPage && !query.isFetchingNextPage && !query.isError;
  const more = useCallback(() => {
    if (canFetch) void fetchNextPage();
  }, [canFetch, fetchNextPage]);
  const move = (by: number) => setActive(Math.min(traces.length - 1, Math.max(0, active + by)));
  const toTop = () => {
    if (newTraces.length) showNewTraces();
    setActive(-1);
    scroller.current?.scrollTo({ top: 0 });
  };
  const page = () => Math.max(1, Math.floor((scroller.current?.clientHeight ?? 400) / (words === null ? 33 : 56)) - 2);
  const atActive = (does: (id: string) => void) => () => {
    const id = traces[active]?.trace_id;
    if (id) does(id);
  };
  useKeys({
    "/": () => box.current?.focus(),
    j: () => move(1),
    k: () => move(-1),
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    PageDown: () => move(page()),
    PageUp: () => move(-page()),
    Home: () => setActive(0),
    End: () => setActive(traces.length - 1),
    g: toTop,
    x: atActive(mark),
    Escape: () => setActive(-1),
    ...(active >= 0 && isOnRow() && { Enter: atActive(open) }),
  });

  const isSyntax = query.error instanceof ApiError && query.error.code === "filter_syntax";
  const isEmpty = query.isSuccess && !query.isPlaceholderData && traces.length === 0;
  const isNarrowed = Boolean(selection.filter || selection.since_ns || selection.until_ns);
  if (isEmpty && !isNarrowed)
    return <GetStarted onRefresh={() => void query.refetch()} hasNewTraces={newTraces.length > 0} />;
  return (
    <div className="traces-page">
      <h1 className="visually-hidden">Traces</h1>
      <div className="toolbar">
        {isNarrow ? (
          <FacetSheet
            selection={selection}
            order={order}
            found={sums && !isSyntax ? plural(sums.count, "trace") : ""}
            onOrder={sortBy}
            onToggle={narrow}
          />
        ) : (
          <button
            type="button"
            className="button"
            aria-pressed={hasFacets}
            aria-label="Facets"
            title="Facets"
            onClick={() => setFacets(!hasFacets)}
          >
            <PanelLeft aria-hidden /> <span className="button-word">Facets</span>
          </button>
        )}
        <FilterBox value={selection.filter} error={query.error} onChange={filter} box={box} />
        <Experiments filter={selection.filter} onChange={filter} />
        <TimeRange url={url} onChange={setUrl} />
        <Views search={url.toString()} />
        <button
          type="button"
          className="button"
          aria-pressed={isLive}
          title={isLost ? "Not connected: nothing new comes in" : "Show new traces as they come"}
          onClick={() => setLive(!isLive)}
        >
          {isLost ? <Unplug aria-hidden /> : <Radio aria-hidden />} Live
        </button>
        <ColumnMenu
          chosen={chosen}
          onChange={(ids) => {
            setKept(ids);
            setUrl({ columns: ids.join(",") === DEFAULT_COLUMNS.join(",") ? null : ids.join(",") }, true);
          }}
          icon={
            <>
              <Columns3 aria-hidden /> <span className="button-word">Columns</span>
            </>
          }
        />
        {isNarrow && (
          <button
            type="button"
            className="button square"
            aria-pressed={isMarking}
            aria-label="Mark traces"
            title="Mark traces"
            onClick={() => {
              setMarking(!isMarking);
              setMarked(new Set());
            }}
          >
            <ListChecks aria-hidden />
          </button>
        )}
      </div>
      <Histogram
        selection={selection}
        metric={metric}
        onRange={(since, until) => setUrl({ range: null, since: String(since), until: String(until) })}
      />
      <div className="list-line">
        <span role="status" className="num dim">
          {isSyntax && traces.length > 0 && "Rows of the filter before"}
          {sums && !isSyntax ? plural(sums.count, "trace") : ""}
        </span>
        {newTraces.length > 0 && !mayInsert && (
          <button type="button" className="button solid new-traces" onClick={toTop}>
            <ArrowUp aria-hidden /> {count(newTraces.length)} new
          </button>
        )}
        <select
          className="bar-metric"
          aria-label="Bars show"
          title="What the bars show"
          value={metric}
          onChange={(event) => setUrl({ bars: event.target.value === "count" ? null : event.target.value }, true)}
        >
          {BAR_METRICS.map(([id, word]) => (
            <option key={id} value={id}>
              {word}
            </option>
          ))}
        </select>
      </div>
      {query.error && !isSyntax ? <Problem error={query.error} retry={() => void query.refetch()} /> : null}
      <div className="list-body">
        {hasFacets && !isNarrow && <FacetList selection={selection} onToggle={narrow} />}
        {isEmpty ? (
          <div className="page-empty">
            <h2>No trace fits</h2>
            <p>Nothing was found for this filter and time.</p>
            <button
              type="button"
              className="button"
              onClick={() => setUrl({ filter: null, range: null, since: null, until: null })}
            >
              Show all traces
            </button>
          </div>
        ) : (
          <TraceTable
            traces={traces}
            columns={columns}
            order={order}
            total={sums?.count ?? null}
            hasMore={query.hasNextPage}
            isNarrow={isNarrow}
            isMarking={isMarking}
            active={active}
            marked={marked}
            words={words}
            scroller={scroller}
            onOrder={sortBy}
            onActive={setActive}
            onMark={mark}
            onOpen={open}
            onMore={more}
            onView={onView}
          />
        )}
      </div>
      {marked.size > 0 && (
        <MarkedBar
          ids={[...marked]}
          selection={selection}
          total={sums?.count ?? null}
          onClear={() => setMarked(new Set())}
          onDeleted={() => {
            setMarked(new Set());
            void query.refetch();
            refreshAll();
          }}
        />
      )}
    </div>
  );
}

/** A focused button or link handles Enter itself. */
function isOnRow(): boolean {
  const focused = document.activeElement;
  return !focused || focused === document.body || focused.getAttribute("role") === "grid" || focused.id === "main";
}
