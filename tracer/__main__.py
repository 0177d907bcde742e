"""``python -m tracer`` is the command ``tracer``, for where scripts are not on the path."""

from __future__ import annotations

from tracer.cli import main

if __name__ == "__main__":
    main()
