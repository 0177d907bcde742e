"""Requests, replies and streams of Hugging Face's InferenceClient."""
