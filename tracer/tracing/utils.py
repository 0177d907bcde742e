"""Chat messages and tools of a span you make yourself, where programs written for MLflow look for them."""

from tracer.messages import set_span_chat_messages, set_span_chat_tools

__all__ = ["set_span_chat_messages", "set_span_chat_tools"]
