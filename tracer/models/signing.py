"""The user's signature of a saved model, which tells own models from those of others."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from tracer._fault import logger
from tracer._journal.locations import state_folder

SIGNATURE = "model.sig"
_KEY = "models.key"
_KEY_BYTES = 32


def sign(folder: Path, manifest: str) -> None:
    """Sign a folder's manifest, which has the sha256 of every file."""
    try:
        (folder / SIGNATURE).write_text(_signature(folder / manifest, _made_key()) + "\n", encoding="ascii")
    except OSError as error:  # an unsigned model can still be loaded: the error explains how to trust it
        logger.warning("tracer: the model in %s is not signed, so loading it will ask for trust: %s", folder, error)


def is_signed(folder: Path, manifest: str) -> bool:
    """Whether this user signed the manifest of a folder as it is now."""
    try:
        given = (folder / SIGNATURE).read_text(encoding="ascii").strip()
        return hmac.compare_digest(given.encode(), _signature(folder / manifest, _key_path().read_bytes()).encode())
    except (OSError, UnicodeError):
        return False


def _signature(manifest: Path, key: bytes) -> str:
    return hmac.new(key, manifest.read_bytes(), hashlib.sha256).hexdigest()


def _key_path() -> Path:
    return state_folder() / _KEY


def _made_key() -> bytes:
    path = _key_path()
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # linked under its name when complete: processes that log their first model at the same time get one key
        beside = path.with_name(f".{_KEY}.{secrets.token_hex(8)}")
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(_KEY_BYTES))
        try:
            os.link(beside, path)
        except FileExistsError:
            pass
        except OSError:  # a file system without links
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    return path.read_bytes()
