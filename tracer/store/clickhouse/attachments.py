"""Attachments: a row for each, with its content, or with the content as an object beside ClickHouse.

An object is named by the digest and the version of its row. So a deletion, which removes objects older than itself,
never removes one that is written meanwhile.

A deletion draws its number, marks what it is about to delete, and then looks for uses a last time. A trace's row that
is there by then keeps its attachments. The writer of a later one, who looks for them once the row is there, finds the
mark or nothing, and writes anew what was sent: with a greater number, which outlives the deletion.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tracer._records.attachments import ATTACHMENT_SCHEME
from tracer.errors import StoreError
from tracer.store.clickhouse.connection import Connection

_TRIES = 5
_AT_ONCE = 500  # as many names as fit into a query
_OF_NOTHING = hashlib.sha256(b"").hexdigest()
_ELSEWHERE = f"empty(content) AND digest != '{_OF_NOTHING}'"  # the content is an object
_MARK = "going"  # and a digest: the key of the row that marks an attachment as about to be deleted


def write_attachments(connection: Connection, attachments: Mapping[str, tuple[str, bytes]]) -> None:
    """Write attachments that are not stored, or about to be deleted; again those that were deleted meanwhile."""
    for _ in range(_TRIES):
        known = _stored(connection, list(attachments)) if attachments else set()
        new = {digest: each for digest, each in attachments.items() if digest not in known}
        if not new:
            return
        number = connection.number()
        if connection.objects is not None:
            # objects before rows: each row needs its object
            connection.objects.put(
                {f"{_folder(digest)}/{number}": content for digest, (_, content) in new.items() if content}
            )
            new = {digest: (mime, b"") for digest, (mime, _) in new.items()}
        connection.insert_in_parts("attachments", (_row(digest, number, *each) for digest, each in new.items()))


def _stored(connection: Connection, digests: Sequence[str]) -> set[str]:
    """Those that are stored, without those that a deletion has marked since they were written."""
    rows: list[list[Any]] = []
    for start in range(0, len(digests), _AT_ONCE):
        asked = digests[start : start + _AT_ONCE]
        rows += connection.rows(
            "SELECT digest, version, deleted FROM attachments FINAL WHERE digest IN ?", [[*asked, *map(_mark, asked)]]
        )
    versions = {digest: version for digest, version, _ in rows}
    return {digest for digest, version, deleted in rows if not deleted and versions.get(_mark(digest), 0) < version}


def _mark(digest: str) -> str:
    return f"{_MARK}{digest}"


def _folder(digest: str) -> str:
    return f"{digest[:2]}/{digest}"


def _row(digest: str, number: int, mime: str, content: bytes, *, deleted: bool = False) -> dict[str, Any]:
    encoded = base64.b64encode(content).decode()
    return {"digest": digest, "version": number, "deleted": int(deleted), "mime": mime, "base64": encoded}


def read_attachment(connection: Connection, digest: str) -> tuple[str, bytes] | None:
    """Media type and content of an attachment. Raises StoreError where its object is missing."""
    rows = connection.rows(
        f"SELECT mime, base64Encode(content), version, {_ELSEWHERE} FROM attachments FINAL"
        " WHERE digest = ? AND NOT deleted",
        [digest],
    )
    if not rows:
        return None
    mime, content, number, is_elsewhere = rows[0]
    if not is_elsewhere:
        return mime, base64.b64decode(content)
    if connection.objects is None:
        raise _unknown_place(connection)
    return mime, connection.objects.get(f"{_folder(digest)}/{number}")


def delete_unused_attachments(connection: Connection, digests: Iterable[str]) -> None:
    """Delete those of the attachments that no trace and no row of a dataset uses."""
    asked = sorted(set(digests))
    for start in range(0, len(asked), _AT_ONCE):
        _delete_unused(connection, asked[start : start + _AT_ONCE])


def _delete_unused(connection: Connection, digests: Sequence[str]) -> None:
    unused = _unused(connection, digests)
    if not unused:
        return
    number = connection.number()
    connection.insert_in_parts("attachments", (_row(_mark(digest), number, "", b"", deleted=True) for digest in unused))
    unused = _unused(connection, unused)
    if unused:
        _delete(connection, unused, number)


def _unused(connection: Connection, digests: Sequence[str]) -> list[str]:
    if not digests:
        return []
    used = connection.rows(
        "SELECT DISTINCT arrayJoin(digests) FROM traces FINAL WHERE hasAny(digests, ?) AND NOT deleted", [digests]
    )
    named = {row[0] for row in used}
    left = [digest for digest in digests if digest not in named]
    if not left:
        return []
    in_datasets = connection.rows(
        "SELECT DISTINCT arrayJoin(extractAll(content, ?)) FROM documents FINAL WHERE kind = 'dataset' AND NOT deleted"
        " AND position(content, ?) > 0",
        [f"{ATTACHMENT_SCHEME}([0-9a-f]{{64}})", ATTACHMENT_SCHEME],
    )
    kept = {row[0] for row in in_datasets}
    return [digest for digest in left if digest not in kept]


def _delete(connection: Connection, digests: Sequence[str], number: int) -> None:
    elsewhere = [
        digest
        for (digest,) in connection.rows(
            f"SELECT digest FROM attachments FINAL WHERE digest IN ? AND NOT deleted AND {_ELSEWHERE}", [list(digests)]
        )
    ]
    if elsewhere and connection.objects is None:
        raise _unknown_place(connection)
    connection.insert_in_parts("attachments", (_row(digest, number, "", b"", deleted=True) for digest in digests))
    if elsewhere and connection.objects is not None:
        # two servers may have written it at once, each an object of its own
        paths = connection.objects.paths(map(_folder, elsewhere))
        connection.objects.delete([path for path in paths if int(path.rpartition("/")[2]) < number])


def _unknown_place(connection: Connection) -> StoreError:
    return StoreError(
        f"attachments of the store {connection.address} lie in a storage that its URL here does not name:"
        " add ?attachments=s3://… as on the server that wrote them"
    )
