"""Reads the spans of the OpenAI Agents SDK."""
