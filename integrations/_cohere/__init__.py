"""Requests, replies and streams of the Cohere API."""
