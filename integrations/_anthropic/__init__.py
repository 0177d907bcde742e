"""Requests, replies and streams of the Anthropic API."""
