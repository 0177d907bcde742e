"""The address of a ClickHouse store: ``clickhouse://user:password@host:port/database``."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from tracer.errors import InvalidArgumentError
from tracer.store.clickhouse.objects import FOLDER

_EXAMPLE = "expected clickhouse://user:password@host:8123/database"
_ENCODED = "with /, @, : and % in the password as %2F, %40, %3A and %25"
_OPTIONS = ("secure", "cluster", "sharded", "shared", "attachments")
_NAME = re.compile(r"[A-Za-z_]\w{0,99}", re.ASCII)
_BUCKET = re.compile(r"[\w.-]+(?:/[\w.=/-]+)?", re.ASCII)
_ON, _OFF = ("1", "true", "yes", "on", ""), ("0", "false", "no", "off")
_PORT, _SECURE_PORT = 8123, 8443


class Address(NamedTuple):
    """The address of a store; ``cluster`` is the cluster's name if tables are replicated.

    ``is_sharded`` where large tables are divided among the shards of the cluster (layout.py), ``is_shared`` where
    servers share their tables without the name of a cluster, as in ClickHouse's cloud.

    ``attachments`` is the URL of a place in S3-compatible storage or of a folder, without a slash at its end; None
    where they are in a table.
    """

    host: str
    port: int
    user: str
    password: str
    database: str
    is_secure: bool = False
    cluster: str | None = None
    attachments: str | None = None
    is_shared: bool = False
    is_sharded: bool = False

    @property
    def has_one_server(self) -> bool:
        """Whether all requests reach the same server of ClickHouse."""
        return not (self.cluster or self.is_shared)

    def __str__(self) -> str:
        """The address, without the password."""
        return f"clickhouse://{self.host}:{self.port}/{self.database}"


def parse_address(url: str) -> Address:
    """The address in a URL. Raises InvalidArgumentError, whose message has no password."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # whose text may have a part of the password
        raise InvalidArgumentError(
            f"the address of a ClickHouse store has a host or a port that is none; {_EXAMPLE}, {_ENCODED}"
        ) from None
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    unknown = [name for name in options if name not in _OPTIONS]
    if unknown:
        raise InvalidArgumentError(
            f"the address of a ClickHouse store has {unknown[0]!r:.40}, expected {', '.join(_OPTIONS)}"
        )
    database, cluster = unquote(parts.path.strip("/")), options.get("cluster")
    if not parts.hostname:
        raise InvalidArgumentError(f"the address of a ClickHouse store names no host; {_EXAMPLE}")
    if not _NAME.fullmatch(database):
        named = f"the database {database!r:.40}" if "@" not in parts.path else "a database with @ in its name"
        raise InvalidArgumentError(
            f"the address of a ClickHouse store names {named}; {_EXAMPLE}, the name of up to 100 letters, digits and _,"
            f" a letter or _ first; {_ENCODED}"
        )
    if cluster is not None and not _NAME.fullmatch(cluster):
        raise InvalidArgumentError(f"the address of a ClickHouse store names the cluster {cluster!r:.40}")
    if cluster is not None and _is_on(options, "shared"):
        raise InvalidArgumentError(
            "the address of a ClickHouse store has both cluster and shared: tables that are shared name no cluster"
        )
    if cluster is None and _is_on(options, "sharded"):
        raise InvalidArgumentError(
            "the address of a ClickHouse store has sharded, but no cluster on whose shards its tables are: expected"
            " cluster=NAME&sharded=1"
        )
    is_secure = _is_on(options, "secure")
    return Address(
        host=parts.hostname,
        port=port or (_SECURE_PORT if is_secure else _PORT),
        user=unquote(parts.username or "default"),
        password=unquote(parts.password or ""),
        database=database,
        is_secure=is_secure,
        cluster=cluster,
        attachments=_place(options["attachments"]) if "attachments" in options else None,
        is_shared=_is_on(options, "shared"),
        is_sharded=_is_on(options, "sharded"),
    )


def _is_on(options: dict[str, str], name: str) -> bool:
    given = options.get(name, "0").lower()
    if given not in (*_ON, *_OFF):
        raise InvalidArgumentError(f"the address of a ClickHouse store has {name}={given!r:.40}, expected 1 or 0")
    return given in _ON


def url_of_project(url: str, database: str, project_id: str) -> str:
    """The URL of another database on the same server, with a place of its own for attachments."""
    parts = urlsplit(url)
    options = [
        (name, f"{value.rstrip('/')}/{project_id}" if name == "attachments" else value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
    ]
    return urlunsplit(parts._replace(path=f"/{database}", query=urlencode(options, safe=":/")))


def _place(given: str) -> str:
    if given.startswith("/"):
        given = f"{FOLDER}{given}"
    scheme, _, rest = given.rstrip("/").partition("://")
    is_folder = scheme == "file" and rest.startswith("/")
    is_bucket = scheme == "s3" and _BUCKET.fullmatch(rest) is not None
    if not (is_folder or is_bucket):
        # without the given value, which may contain a password
        raise InvalidArgumentError(
            "the address of a ClickHouse store names no place for attachments that tracer knows; expected"
            " attachments=s3://bucket/prefix or attachments=/a/folder; keys for the storage come from the environment"
        )
    return f"{scheme}://{rest}"
