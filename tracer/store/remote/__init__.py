"""A store on another machine, behind a tracer server."""

from __future__ import annotations

from tracer.store.remote.store import RemoteStore

__all__ = ["RemoteStore"]
