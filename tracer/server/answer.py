"""Responses: JSON, compressed if the client accepts gzip, and errors with a machine-readable code."""

from __future__ import annotations

import zlib

import orjson
from starlette.requests import Request
from starlette.responses import Response

from tracer._catalog.catalog import NotInCatalogError
from tracer._fault import logger
from tracer.errors import (
    ConflictError,
    DatasetNotFoundError,
    FilterSyntaxError,
    InvalidArgumentError,
    PromptNotFoundError,
    QueryTimeoutError,
    QueueNotFoundError,
    StoreError,
    TraceNotFoundError,
)

RETRY_SECONDS = "2"
_WORTH_COMPRESSING = 1024
_NOT_FOUND = (TraceNotFoundError, DatasetNotFoundError, PromptNotFoundError, QueueNotFoundError, NotInCatalogError)
_GZIP = 16 + zlib.MAX_WBITS
_CODES = {
    400: "invalid_argument",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "timeout",
    409: "conflict",
    413: "too_large",
    415: "unsupported_media_type",
    429: "too_many_requests",
    503: "store_unavailable",
}


class AnswerError(Exception):
    """Ends a request with a status and a message."""

    def __init__(self, status: int, message: str, *, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after  # seconds


def json_answer(value: object, *, status: int = 200, is_gzip_taken: bool = False) -> Response:
    """A value as JSON."""
    content = orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)
    headers = {"Vary": "Accept-Encoding", "Cache-Control": "no-store"}
    if is_gzip_taken and len(content) >= _WORTH_COMPRESSING:
        content = compressed(content)
        headers["Content-Encoding"] = "gzip"
    return Response(content, status, headers, "application/json")


def compressed(content: bytes) -> bytes:
    """The content as gzip, at the fastest level."""
    packer = zlib.compressobj(level=1, wbits=_GZIP)
    return packer.compress(content) + packer.flush()


def takes_gzip(request: Request) -> bool:
    """Whether the client accepts gzip."""
    return "gzip" in request.headers.get("accept-encoding", "")


def error_answer(status: int, message: str, *, code: str | None = None, position: int | None = None) -> Response:
    """An error in the shape of the API; 503 asks to be tried again."""
    code = code or _CODES.get(status, "internal")
    answer = json_answer({"error": {"code": code, "message": message, "position": position}}, status=status)
    if status == 503:
        answer.headers["Retry-After"] = RETRY_SECONDS
    return answer


def answer_for(error: Exception) -> Response:
    """The response for an error; a fault of the server is logged, and its details are not sent."""
    if isinstance(error, FilterSyntaxError):
        return error_answer(400, error.reason, code="filter_syntax", position=error.position)
    if isinstance(error, InvalidArgumentError):
        return error_answer(400, str(error))
    if isinstance(error, _NOT_FOUND):
        return error_answer(404, str(error))
    if isinstance(error, ConflictError):
        return error_answer(409, str(error))
    if isinstance(error, AnswerError):
        answer = error_answer(error.status, str(error), code="busy" if error.status == 503 else None)
        if error.retry_after is not None:
            answer.headers["Retry-After"] = str(error.retry_after)
        return answer
    if isinstance(error, QueryTimeoutError):
        return error_answer(503, str(error), code="timeout")
    if isinstance(error, StoreError):
        logger.warning("tracer server: %s", error)
        return error_answer(503, str(error))
    logger.error("tracer server: an answer failed", exc_info=error)
    return error_answer(500, "this is a fault of the server; its log says more")
