"""Reads requests and replies of the Gemini API."""
