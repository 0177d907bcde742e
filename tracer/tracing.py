"""Switches of tracing under the names that other tools give them."""

from __future__ import annotations

from tracer._notebook.display import disable_notebook_display, enable_notebook_display

__all__ = ["disable_notebook_display", "enable_notebook_display"]
