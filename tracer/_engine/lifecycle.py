"""The process's pipeline: made when it is first needed, kept safe through forks, closed as the program ends."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from tracer._engine.pipeline import Pipeline
from tracer._exit import close_in_workers, keep_exit_by_interrupt
from tracer._fault import guard, report
from tracer._journal.lockfile import leave_to_parent

if TYPE_CHECKING:
    from collections.abc import Callable

    from tracer._json import JsonObject
    from tracer.config import Settings

# Time limit for handing records to the sinks while the program ends; the rest waits in the journal. Only a backend that
# hangs costs this long: enough for a slow one, and short against the limits of supervisors (10 to 30 s).
_EXIT_SECONDS = 5.0
_FORK_SECONDS = 1.0


class PipelineLifecycle:
    """The settings in force and the pipeline made of them."""

    def __init__(
        self,
        settings: Settings,
        describe_process: Callable[[], JsonObject],
        write_open_steps: Callable[[], bool],
        write_unwritten: Callable[[], None],
    ) -> None:
        self.settings = settings
        self.current: Pipeline | None = None
        self.lock = threading.RLock()  # guards settings and pipeline, not the recording itself
        self._describe_process = describe_process
        self._write_open_steps = write_open_steps
        self._write_unwritten = write_unwritten
        self._abandoned: list[Pipeline] = []  # of the parent: closing their connections here would close the parent's

    def pipeline(self) -> Pipeline:
        """The journal and its sinks; made when first needed."""
        if self.current is not None:
            return self.current
        process = self._describe_process()  # without the lock: resource detectors may be foreign code
        with self.lock:
            if self.current is None:
                sinks = []
                if self.settings.exporters:
                    from tracer.export.otel import ExporterSink

                    sinks = [ExporterSink(exporter, i) for i, exporter in enumerate(self.settings.exporters)]
                pipeline = Pipeline(self.settings, process, sinks, self._write_open_steps)
                # the same file from now on, also in children and after the program has changed its folder
                self.settings = replace(self.settings, store=pipeline.url)
                self.current = pipeline
                close_in_workers(self.at_exit)
            return self.current

    def take(self) -> Pipeline | None:
        """Take the pipeline out, for the caller to close; the next record makes another one."""
        self._write_unwritten()
        with self.lock:
            pipeline, self.current = self.current, None
        return pipeline

    def at_exit(self) -> None:
        """Flush within the time limit and leave the rest to recovery; spans that end later still reach the journal."""
        try:
            pipeline = self.take()
            if pipeline is not None:
                # records that a sink does not take now are safe in the journal: no reason to hold the program up
                pipeline.close(_EXIT_SECONDS, retry_failures=False, shut_exporters=True)
                keep_exit_by_interrupt()
        except Exception as error:
            report("closing at exit", error)

    def before_fork(self) -> None:
        """In the process that forks: pause the threads."""
        with guard("resting for a fork"):
            if self.current is not None:
                self.current.pause(_FORK_SECONDS)

    def after_fork_in_parent(self) -> None:
        """Resume the threads."""
        with guard("going on after a fork"):
            if self.current is not None:
                self.current.resume()

    def after_fork(self) -> None:
        """In a child: open files and connections belong to the parent; this process makes its own."""
        self.lock = threading.RLock()
        leave_to_parent()
        pipeline, self.current = self.current, None
        if pipeline is not None:
            self._abandoned.append(pipeline)
            pipeline.leave_to_parent()
