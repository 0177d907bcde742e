"""Recorded traces for coding agents: a server of the Model Context Protocol, and how it gets into their settings."""

from __future__ import annotations
