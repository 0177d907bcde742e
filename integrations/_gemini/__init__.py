"""Requests, replies and streams of the Gemini API."""
