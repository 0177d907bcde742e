// A chart over time, drawn by uPlot; a table below it has the numbers for screen readers.

import "uplot/dist/uPlot.min.css";
import { useLayoutEffect, useRef } from "react";
import uPlot from "uplot";
import { moment } from "../format";
import { isDark, useTheme } from "../ui/theme";
import { useMedia } from "../ui/useMedia";
import { type Chart, stacked } from "./series";

interface Props {
  title: string;
  chart: Chart;
  isStacked: boolean;
  /** Whether the values are counts: their axis has no fractions. */
  isWhole?: boolean;
  nothing?: string;
  show: (value: number) => string;
  /** Short form for the axis. */
  brief?: (value: number) => string;
  /** Opens the traces of a step, which begins so many seconds after 1970. */
  onPick: (seconds: number) => void;
  onRange: (sinceMs: number, untilMs: number) => void;
}

type Pointed = Pick<Props, "onPick" | "onRange">;

const HEIGHT = 176;
const CLOSE = 6; // pixels that a click may move by
const LIGHT = ["#4f46e5", "#0b8a6a", "#c2680a", "#b8317f", "#1d7fc4", "#7a8291", "#a3a9b4"];
const DARK = ["#8b93ff", "#4fd1a5", "#f0b25a", "#f48fc0", "#6fb7f5", "#9aa4b2", "#6b7482"];

const WHOLE_STEPS = Array.from({ length: 13 }, (_, power) => [1, 2, 5].map((n) => n * 10 ** power)).flat();
const LONGEST_LABEL = 36;

/** Long names of models differ at the beginning and at the end: the middle is cut. */
export const shortened = (name: string) =>
  name.length > LONGEST_LABEL ? `${name.slice(0, 20)}…${name.slice(-15)}` : name;

export const colours = () => (isDark() ? DARK : LIGHT);

export function ChartView({
  title,
  chart,
  isStacked,
  isWhole = false,
  nothing,
  show,
  brief = show,
  onPick,
  onRange,
}: Props) {
  const place = useRef<HTMLDivElement>(null);
  const on = useRef({ onPick, onRange });
  on.current = { onPick, onRange };
  const theme = useTheme();
  const systemIsDark = useMedia("(prefers-color-scheme: dark)");
  // before the next event: a click must find the bars of the times that it opens
  // biome-ignore lint/correctness/useExhaustiveDependencies: the colours of the canvas follow the theme
  useLayoutEffect(() => {
    const element = place.current;
    if (!element || !chart.times.length) return;
    const pointed: Pointed = {
      onPick: (seconds) => on.current.onPick(seconds),
      onRange: (since, until) => on.current.onRange(since, until),
    };
    const plot = new uPlot(
      options(chart, isStacked, isWhole, show, brief, element.clientWidth, pointed),
      dataOf(chart, isStacked),
      element,
    );
    const observer = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.destroy();
    };
  }, [chart, isStacked, isWhole, show, brief, theme, systemIsDark]);
  return (
    <figure className="chart">
      <figcaption>{title}</figcaption>
      {chart.times.length ? (
        <div ref={place} role="img" aria-label={describe(title, chart, show)} />
      ) : (
        <p className="dim chart-empty">{nothing ?? "Nothing in this time."}</p>
      )}
    </figure>
  );
}

function dataOf(chart: Chart, isStacked: boolean): uPlot.AlignedData {
  // series on top are drawn first, so that those below stay visible
  return [chart.times, ...(isStacked ? stacked(chart.values).reverse() : chart.values)];
}

function options(
  chart: Chart,
  isStacked: boolean,
  isWhole: boolean,
  show: (value: number) => string,
  brief: (value: number) => string,
  width: number,
  { onPick, onRange }: Pointed,
): uPlot.Options {
  const dark = isDark();
  const ink = dark ? "#8b95a4" : "#626b7a";
  const grid = { stroke: dark ? "#232830" : "#eceef2", width: 1 };
  const palette = colours();
  const count = chart.groups.length;
  const step = (chart.times[1] ?? 0) - (chart.times[0] ?? 0);
  const colourAt = (index: number) => palette[(isStacked ? count - 1 - index : index) % palette.length] ?? ink;
  let isAfterDrag = false; // the click that ends a drag
  const bars = uPlot.paths.bars?.({ size: [0.86, 26], align: 1 });
  const series = chart.groups.map((_, index): uPlot.Series => {
    const group = isStacked ? count - 1 - index : index;
    const stroke = palette[group % palette.length] ?? ink;
    const values = chart.values[group] ?? [];
    return {
      label: shortened(chart.groups[group] || "(none)"),
      stroke,
      width: isStacked ? 0 : 1.75,
      spanGaps: true,
      points: { show: !isStacked && chart.times.length < 30, size: 4, fill: stroke },
      ...(isStacked && { fill: stroke, ...(bars && { paths: bars }) }),
      value: (_plot, _raw, _series, at) => (at === null || values[at] === null ? "–" : show(values[at] ?? 0)),
    };
  });
  return {
    width,
    height: HEIGHT,
    // half of the last label stands beyond the last bar
    padding: [8, 22, 0, 0],
    legend: { show: true, live: true, markers: { width: 0, fill: (_plot, index) => colourAt(index - 1) } },
    cursor: { points: { show: !isStacked }, y: false, drag: { x: true, y: false, setScale: false, dist: CLOSE } },
    hooks: {
      ready: [
        ({ over, cursor }) => {
          over.addEventListener("mousedown", () => {
            isAfterDrag = false;
          });
          over.addEventListener("click", () => {
            const seconds = chart.times[cursor.idx ?? -1];
            if (seconds !== undefined && !isAfterDrag) onPick(seconds);
          });
        },
      ],
      setSelect: [
        (plot) => {
          const { left, width: dragged } = plot.select;
          if (dragged < CLOSE) return;
          isAfterDrag = true;
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false); // a click that comes soon is one
          onRange(Math.floor(plot.posToVal(left, "x") * 1000), Math.ceil(plot.posToVal(left + dragged, "x") * 1000));
        },
      ],
    },
    scales: {
      x: { range: (_plot, first, last) => [first, last + step] },
      y: { range: (_plot, _least, most) => [0, most > 0 ? most * 1.05 : 1] },
    },
    axes: [
      {
        stroke: ink,
        grid: { show: false },
        ticks: { show: false },
        font: "11px Inter, sans-serif",
        size: 26,
        values: (_plot, ticks) => ticks.map(timeOf(chart.times)),
      },
      {
        stroke: ink,
        grid,
        ticks: { show: false },
        font: "11px Inter, sans-serif",
        size: 58,
        ...(isWhole && { incrs: WHOLE_STEPS }),
        values: (_plot, ticks) => ticks.map(brief),
      },
    ],
    series: [{ value: (_plot, time) => (time === null ? "" : new Date(time * 1000).toLocaleString()) }, ...series],
  };
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });

/** Days on the axis of a chart over days, else times of day, with the date where a day begins. */
function timeOf(times: number[]): (seconds: number) => string {
  const length = (times[times.length - 1] ?? 0) - (times[0] ?? 0);
  return (seconds) => {
    const date = new Date(seconds * 1000);
    const isMidnight = date.getHours() === 0 && date.getMinutes() === 0;
    return length > 4 * 86_400 || isMidnight ? day.format(date) : clock.format(date);
  };
}

function describe(title: string, chart: Chart, show: (value: number) => string): string {
  const most = chart.values.map((row) => row.reduce<number>((top, value) => Math.max(top, value ?? 0), 0));
  const since = moment((chart.times[0] ?? 0) * 1e9);
  return `${title} over time since ${since}. ${chart.groups.map((group, index) => `${group || "none"}: at most ${show(most[index] ?? 0)}`).join("; ")}`;
}
