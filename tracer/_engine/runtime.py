"""The one owner of the settings, the running pipeline, whether tracing is on, and the last trace."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from tracer._engine.context import UNSET, about_traces, active_model, active_runs, current, last_run_id
from tracer._engine.lifecycle import PipelineLifecycle
from tracer._engine.otel import OpenTelemetryIdentity
from tracer._engine.recorder import Recorder
from tracer._fault import forget_logged, log_once, report
from tracer._journal.locations import absolute_url, without_password
from tracer._json import JsonObject, encode, loads
from tracer._redaction.redactor import Redactor
from tracer.config import Settings, checked, read_environment
from tracer.errors import InvalidArgumentError, StoreError

if TYPE_CHECKING:
    from tracer.store import Store

_CLOSE_SECONDS = 10.0


class Runtime:
    """Everything that a process shares: use :func:`runtime` to get it."""

    def __init__(self) -> None:
        settings, self._store_error = _settings_from_environment()
        self.otel = OpenTelemetryIdentity()
        self.lifecycle = PipelineLifecycle(
            settings, self._describe_process, self._write_open_steps, lambda: self.recorder.write_unwritten()
        )
        self.recorder = Recorder(self.lifecycle, self.otel)
        self._apply(settings)

    # ---- settings ----

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self.lifecycle.settings

    def _apply(self, settings: Settings) -> None:
        self.lifecycle.settings = settings
        self.otel.describe(settings.service_name, settings.tracer_provider)
        self.recorder.apply(settings)
        if settings.limit is not None:
            from tracer._engine import limits  # only where there is one

            limits.use()

    def configure(self, **arguments: object) -> None:
        """Change what is given (not None) and keep the rest; raises InvalidArgumentError before anything changes."""
        values = checked(arguments)
        if "store" in values:
            values["store"] = absolute_url(values["store"])
            _tell_of_new_folder(values["store"])
        if "exporters" in values:
            import tracer.export.otel  # noqa: F401  # now, not during a fork: an import that a fork interrupts never ends
        Redactor(values.get("redact", ()))
        leaving = None
        with self.lifecycle.lock:
            old = self.settings
            new = replace(old, **values, given=old.given | frozenset(values))
            if (new.store, new.token, new.exporters, new.journal_max_bytes, new.service_name, new.tracer_provider) != (
                old.store, old.token, old.exporters, old.journal_max_bytes, old.service_name, old.tracer_provider
            ):  # fmt: skip
                leaving = self.lifecycle.take()
            self._apply(new)
            if "tracer_provider" in values and new.tracer_provider is not None:
                from tracer._engine.joined_provider import join

                join(new.tracer_provider, self.recorder)
        if leaving is not None:  # without the lock: other threads go on recording
            leaving.close(_CLOSE_SECONDS)

    def switch(self, on: bool) -> None:
        """Turn recording on or off; ``enabled=False`` in the settings keeps it off."""
        self.recorder.switch(on)

    def _describe_process(self) -> JsonObject:
        """The part of a journal's first record that describes this process."""
        try:
            return loads(self.recorder.redact(encode({"resource": dict(self.otel.resource().attributes)})))  # type: ignore[no-any-return]
        except Exception as error:
            report("describing this service", error)
            return {}

    def _write_open_steps(self) -> bool:
        self.recorder.end_closed()
        self.recorder.write_unwritten()
        return self.recorder.write_open_steps()

    # ---- the store ----

    def store_url(self) -> str:
        """The URL of the store, with an absolute path."""
        return self.lifecycle.pipeline().url

    def store(self) -> Store:
        """The open store; raises StoreError where it cannot be opened, or where the environment names none that is."""
        if self._store_error is not None and "store" not in self.settings.given:
            place = without_password(self.store_url())
            raise StoreError(f"{self._store_error} Until then this program records into {place}.")
        return self.lifecycle.pipeline().sink.store()

    def forget_attachments(self) -> None:
        """Write attachments anew that this process has written: some may have been deleted."""
        pipeline = self.lifecycle.current
        if pipeline is not None:
            pipeline.forget_attachments()

    def sync(self) -> None:
        """Bring everything recorded so far into the store."""
        self.recorder.end_closed()
        self.recorder.write_unwritten()
        self.lifecycle.pipeline().sync()

    def flush(self, timeout: float) -> bool:
        """Hand everything recorded so far to the store and the exporters; False if one did not take it in time."""
        self.recorder.write_unwritten()
        pipeline = self.lifecycle.current
        return True if pipeline is None else pipeline.flush(timeout)

    # ---- the end, and the start of another process ----

    def shutdown(self, timeout: float = 30.0) -> bool:
        """Flush, stop the threads, close the store, and record nothing more until ``enable``."""
        self.switch(False)
        pipeline = self.lifecycle.take()
        done = pipeline is None or pipeline.close(timeout)
        self._shut_exporters_down()
        return done

    def _shut_exporters_down(self) -> None:
        for exporter in self.settings.exporters:
            try:
                exporter.shutdown()
            except Exception as error:
                report("shutting an exporter down", error)

    def reset(self) -> None:
        """Flush and go back to the settings of the environment."""
        pipeline = self.lifecycle.take()
        if pipeline is not None:
            pipeline.close(_CLOSE_SECONDS, retry_failures=False)
        with self.lifecycle.lock:
            current.set(None)
            active_model.set(UNSET)
            active_runs.set(())
            last_run_id.set(None)
            about_traces.set({})
            self.recorder.reset()
            forget_logged()
            settings, self._store_error = _settings_from_environment()
            self._apply(settings)

    def after_fork(self) -> None:
        """In a child: it is a process of its own."""
        self.lifecycle.after_fork()
        self.recorder.generation += 1
        self.recorder.forget_open_steps()
        self.otel.forget_resource()


def _settings_from_environment() -> tuple[Settings, InvalidArgumentError | None]:
    """The environment's valid settings, and the error of an invalid store: no variable breaks the program's import."""
    settings, errors = read_environment(os.environ)
    for error in errors.values():
        log_once("environment", "tracer ignores an environment variable: %s", error)
    return settings, errors.get("store")


def _tell_of_new_folder(url: str) -> None:
    folder = os.path.dirname(url.removeprefix("sqlite:///"))
    if url.startswith("sqlite:") and not os.path.lexists(folder):
        log_once(f"folder {folder}", "tracer makes the folder %s for its store: there is none", folder)


_runtime = Runtime()


def runtime() -> Runtime:
    """The process's runtime."""
    return _runtime


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_runtime.lifecycle.before_fork,
        after_in_parent=_runtime.lifecycle.after_fork_in_parent,
        after_in_child=_runtime.after_fork,
    )
