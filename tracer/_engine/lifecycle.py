"""The process's pipeline: made when it is first needed, brought through forks, closed as the program ends."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tracer._engine.pipeline import Pipeline
from tracer._exit import close_in_workers, keep_exit_by_interrupt
from tracer._fault import guard, report
from tracer._journal.lockfile import leave_to_parent

if TYPE_CHECKING:
    from tracer.config import Settings
    from tracer.store import Store

# What sinks do not take while the program ends waits in the journal, so that only a backend that hangs costs this long:
# long enough for one that is slow, short against the time that supervisors give a program to end (10 to 30 s).
_EXIT_SECONDS = 5.0
_FORK_SECONDS = 1.0


class PipelineLife:
    """What of the process's state is the pipeline, and when it comes and goes."""

    settings: Settings

    def __init__(self) -> None:
        self._lock = threading.RLock()  # guards settings and pipeline, not the recording itself
        self._pipeline: Pipeline | None = None
        self._abandoned: list[Pipeline] = []  # a parent's: closing its connections here would harm the parent's

    def _about_process(self) -> dict[str, Any]:
        """What a journal says of the process that writes it."""
        raise NotImplementedError

    def pipeline(self) -> Pipeline:
        """The journal and its sinks; made when first needed."""
        if self._pipeline is not None:
            return self._pipeline
        about = self._about_process()  # without the lock: resource detectors may be anybody's code
        with self._lock:
            if self._pipeline is None:
                sinks = []
                if self.settings.exporters:
                    from tracer.export.otel import ExporterSink

                    sinks = [ExporterSink(exporter, i) for i, exporter in enumerate(self.settings.exporters)]
                pipeline = Pipeline(self.settings, about, sinks)
                # the same file from now on, also in children and after the program has changed its folder
                self.settings = replace(self.settings, store=pipeline.url)
                self._pipeline = pipeline
                close_in_workers(self.at_exit)
            return self._pipeline

    def store_url(self) -> str:
        """The URL of the store, with an absolute path."""
        return self.pipeline().url

    def store(self) -> Store:
        """The open store; raises StoreError where it cannot be opened."""
        return self.pipeline().sink.store()

    def sync(self) -> None:
        """Bring everything recorded so far into the store."""
        self.pipeline().sync()

    def flush(self, timeout: float) -> bool:
        """Hand everything recorded so far to the store and the exporters; False if one did not take it in time."""
        pipeline = self._pipeline
        return True if pipeline is None else pipeline.flush(timeout)

    def _take_pipeline(self) -> Pipeline | None:
        with self._lock:
            pipeline, self._pipeline = self._pipeline, None
        return pipeline

    def at_exit(self) -> None:
        """Hand over what is there and leave the rest to be adopted; spans that end later still reach the journal."""
        try:
            pipeline = self._take_pipeline()
            if pipeline is not None:
                # what a sink does not take now is safe in the journal: no reason to hold the program up
                pipeline.close(_EXIT_SECONDS, retry_failures=False, shut_exporters=True)
                keep_exit_by_interrupt()
        except Exception as error:
            report("closing at exit", error)

    def before_fork(self) -> None:
        """In the process that forks: bring the threads to rest."""
        with guard("resting for a fork"):
            if self._pipeline is not None:
                self._pipeline.pause(_FORK_SECONDS)

    def after_fork_in_parent(self) -> None:
        """Let the threads go on."""
        with guard("going on after a fork"):
            if self._pipeline is not None:
                self._pipeline.resume()

    def after_fork(self) -> None:
        """In a child: open files and connections are the parent's; this process makes its own."""
        self._lock = threading.RLock()
        leave_to_parent()
        pipeline, self._pipeline = self._pipeline, None
        if pipeline is not None:
            self._abandoned.append(pipeline)
            pipeline.leave_to_parent()
