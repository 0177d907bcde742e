"""Traces, evaluations and versions in a notebook, as HTML without scripts, and the traces shown below each cell."""

from __future__ import annotations
