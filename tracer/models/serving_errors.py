"""OpenAI's error objects, the replies to failed requests, without internals of the model."""

from __future__ import annotations

from starlette.responses import Response

from tracer._json import encode
from tracer.models.shape import ValidationError


class RequestError(Exception):
    """A refused request: the HTTP status and OpenAI's error object."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"message": message, "type": type, "param": param, "code": code}}

    def response(self) -> Response:
        """As an HTTP answer."""
        headers = {"WWW-Authenticate": "Bearer"} if self.status == 401 else None
        return Response(encode(self.body), self.status, headers, media_type="application/json")


def error_of(error: BaseException, trace_id: str | None) -> RequestError:
    """The reply for an error: details of an invalid request; of the model's errors only the type and the trace."""
    if isinstance(error, RequestError):
        return error
    if isinstance(error, ValidationError):
        return RequestError(400, str(error), param=error.field or None)
    look = f" The trace {trace_id} has the details." if trace_id else ""
    return RequestError(500, f"The model failed with {type(error).__name__}.{look}", type="server_error")


def timed_out(seconds: float) -> RequestError:
    """The model took too long."""
    return RequestError(504, f"The model has not answered within {seconds:g} s.", type="server_error", code="timeout")


def ending() -> RequestError:
    """The server ends before the model has answered."""
    return RequestError(503, "The server is shutting down.", type="server_error", code="shutting_down")
