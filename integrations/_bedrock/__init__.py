"""Requests, replies and streams of Amazon Bedrock."""
