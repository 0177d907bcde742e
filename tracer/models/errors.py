"""Errors of models."""

from __future__ import annotations

from tracer.errors import TracerError


class ModelError(TracerError):
    """A model cannot be saved, loaded or run."""
