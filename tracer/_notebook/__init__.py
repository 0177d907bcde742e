"""How traces, evaluations and versions look in a notebook: HTML without scripts, and what a cell shows by itself."""

from __future__ import annotations
