"""Reads requests and replies of the Anthropic API."""
