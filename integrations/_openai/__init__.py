"""Requests, replies, streams and open connections of the OpenAI API and of APIs compatible with it."""
