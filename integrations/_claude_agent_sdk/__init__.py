"""Reads what passes between a program and the Claude Code process that the Claude Agent SDK starts."""
