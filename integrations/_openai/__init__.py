"""Reads requests and replies of the OpenAI API."""
