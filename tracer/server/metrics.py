"""Figures of the server for Prometheus: accepted and refused records with reasons, latencies, sizes of the store."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from anyio import to_thread
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.datastructures import State
from starlette.requests import Request
from starlette.responses import Response

from tracer import _distribution
from tracer._fault import log_once
from tracer._journal.locations import file_size, is_remote, journal_folders, store_path
from tracer.server.question import Question
from tracer.store import Store
from tracer.store.limits import time_limit

_REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_DELAY_SECONDS = (0.1, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0, 3600.0, 86_400.0)
_END = re.compile(rb'"end":(\d{1,19})[,}]')
_SPAN = b'{"kind":"span"'
_SIZES_SECONDS = 3.0
_LOOKED_AT = 400  # bytes of a line, and lines of a batch, in which the end of a span is looked for
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
DOORS = {
    "/api/v1/records": "records",
    "/v1/traces": "otlp_traces",
    "/v1/logs": "otlp_logs",
}
"""The routes by which records come in, and what their figures call them."""
_REASONS = {
    400: "invalid",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    408: "timeout",
    413: "too_large",
    415: "media_type",
    429: "too_many",
    503: "unavailable",
}


class Metrics:
    """The figures of one app. No label holds a caller's text: routes are patterns, reasons are from a list."""

    def __init__(self, state: State) -> None:
        self.registry = CollectorRegistry()
        self.in_flight = 0
        self._series: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        registry = self.registry
        self.accepted = Counter(
            "tracer_records_accepted", "Records written to the store, repeated ones too.", ["door"], registry=registry
        )
        self.spans = Counter("tracer_spans_accepted", "Spans among them that have ended.", ["door"], registry=registry)
        self.refused = Counter(
            "tracer_records_refused", "Records left out of a request that was taken.", ["door"], registry=registry
        )
        self.batches_refused = Counter(
            "tracer_batches_refused", "Requests with records that were refused.", ["door", "reason"], registry=registry
        )
        self.delay = Histogram(
            "tracer_ingest_delay_seconds",
            "From the end of the last span in a batch, by its program's clock, to the commit.",
            ["door"],
            buckets=_DELAY_SECONDS,
            registry=registry,
        )
        self._requests = Counter(
            "tracer_http_requests", "Requests answered.", ["method", "route", "status"], registry=registry
        )
        self._seconds = Histogram(
            "tracer_http_request_duration_seconds",
            "From the request to the head of its answer.",
            ["method", "route"],
            buckets=_REQUEST_SECONDS,
            registry=registry,
        )
        ProcessCollector(registry=registry)
        registry.register(_Now(self, state))
        self._sizes = Question(partial(_sizes, state))
        self._doors = {name: Door(self, name) for name in DOORS.values()}

    def door(self, name: str) -> Door:
        """Counts what comes in by one route."""
        return self._doors[name]

    async def sizes(self) -> list[GaugeMetricFamily]:
        """The sizes; none where the store cannot tell them in time: the other figures are wanted the more then."""
        try:
            return await self._sizes.answer(_SIZES_SECONDS)
        except Exception as error:
            log_once("sizes", "tracer server cannot tell the size of the store: %s", error)
            return []

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        method = method if method in _METHODS else "other"
        found = self._series.get((method, route, status))
        if found is None:
            found = (self._requests.labels(method, route, str(status)), self._seconds.labels(method, route))
            self._series[method, route, status] = found
        found[0].inc()
        found[1].observe(seconds)
        if status >= 400 and method == "POST" and route in DOORS:
            self.batches_refused.labels(DOORS[route], _REASONS.get(status, "other" if status < 500 else "fault")).inc()


class Door:
    """Counts what comes in by one route."""

    def __init__(self, metrics: Metrics, name: str) -> None:
        self._accepted = metrics.accepted.labels(name)
        self._spans = metrics.spans.labels(name)
        self._refused = metrics.refused.labels(name)
        self._delay = metrics.delay.labels(name)

    def taken(self, lines: Sequence[bytes]) -> None:
        """Count the lines of a batch that was written."""
        self._accepted.inc(len(lines))
        self._spans.inc(len([line for line in lines if line.startswith(_SPAN)]))
        ended = _last_end(lines)
        if ended is not None:
            self._delay.observe(max(0.0, time.time() - ended / 1e9))

    def refused(self, count: int) -> None:
        """Count records that were left out."""
        self._refused.inc(count)


def _last_end(lines: Sequence[bytes]) -> int | None:
    """When the last span among the lines ended, in ns since the epoch."""
    for line in lines[: -_LOOKED_AT - 1 : -1]:
        if line.startswith(_SPAN):
            found = _END.search(line, 0, _LOOKED_AT)
            return int(found.group(1)) if found else None
    return None


class _Now(Collector):
    """Figures that are read at the time of a request for them."""

    def __init__(self, metrics: Metrics, state: State) -> None:
        self._metrics = metrics
        self._state = state

    def describe(self) -> Iterable[GaugeMetricFamily]:
        return ()  # else registering would collect

    def collect(self) -> Iterator[GaugeMetricFamily]:
        state = self._state
        info = GaugeMetricFamily("tracer_build_info", "The version of tracer.", labels=["version"])
        info.add_metric([_distribution.installed_version() or "0"], 1)
        yield info
        in_flight = self._metrics.in_flight
        yield GaugeMetricFamily("tracer_http_requests_in_flight", "Requests without a whole answer.", in_flight)
        opened = state.stores.open()
        if opened:
            listeners = sum(store.live.listeners for store in opened)
            yield GaugeMetricFamily("tracer_live_listeners", "Pages with live updates.", listeners)
            waiting = sum(store.writers.statistics().tasks_waiting for store in opened)
            yield GaugeMetricFamily("tracer_writes_waiting", "Batches that wait for others.", waiting)
            waiting = sum(store.readers.statistics().tasks_waiting for store in opened)
            yield GaugeMetricFamily("tracer_reads_waiting", "Questions that wait for others.", waiting)
            held = state.bodies.held
            yield GaugeMetricFamily("tracer_body_bytes", "Bodies of requests in memory.", held)
            lag = max(store.indexer.lag_seconds() for store in opened)
            yield GaugeMetricFamily("tracer_index_lag_seconds", "Since words of new records cannot be found.", lag)
        if state.alerts is not None:
            firing = GaugeMetricFamily("tracer_alert_firing", "1 while a rule holds.", labels=["rule"])
            for status in state.alerts.statuses.values():
                firing.add_metric([status.rule.name], status.since is not None)
            yield firing


class _Figures(Collector):
    """Those of the registry, and the sizes."""

    def __init__(self, registry: CollectorRegistry, sizes: Sequence[GaugeMetricFamily]) -> None:
        self._registry = registry
        self._sizes = sizes

    def collect(self) -> Iterator[Metric]:
        yield from self._registry.collect()
        yield from self._sizes


def _sizes(state: State) -> list[GaugeMetricFamily]:
    """Size of the open stores, and of the other files beside them."""
    with time_limit(_SIZES_SECONDS):
        return [*_sizes_of([store.open_store() for store in state.stores.open()])]


def _sizes_of(stores: Sequence[Store]) -> Iterator[GaugeMetricFamily]:
    sizes: dict[str, int] = {}
    for store in stores:
        found = store.sizes()
        if not is_remote(store.url):
            found["journals"] = sum(map(_size_of, journal_folders(store.url)))
        sizes = {part: sizes.get(part, 0) + found.get(part, 0) for part in {**sizes, **found}}
    here = next((store for store in stores if not is_remote(store.url)), None)
    if here is not None:
        free = shutil.disk_usage(store_path(here.url).parent).free
        yield GaugeMetricFamily("tracer_store_free_bytes", "What is free on the store's disk.", free)
    parts = GaugeMetricFamily("tracer_store_bytes", "Size of the store on disk.", labels=["part"])
    for part, size in sizes.items():
        parts.add_metric([part], size)
    yield parts


def _size_of(folder: Path) -> int:
    try:
        return sum(file_size(path) for path in folder.iterdir())
    except OSError:
        return 0


async def metrics(request: Request) -> Response:
    """The figures, as Prometheus reads them."""
    found: Metrics = request.app.state.metrics
    encode, media_type = choose_encoder(request.headers.get("accept", ""))
    content = await to_thread.run_sync(encode, _Figures(found.registry, await found.sizes()))
    return Response(content, headers={"Cache-Control": "no-store", "Content-Type": media_type})
