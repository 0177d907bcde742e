"""A file system that knows no locks: for programs below one folder, every request of a lock fails with ENOLCK.

As on network file systems whose lock service is off or away. A library that the programs preload answers the system's
calls `flock` and `fcntl`; it is compiled here.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

_SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int knows_no_locks(int descriptor) {
    char link[64], path[4096];
    const char *below = getenv("NO_LOCKS_BELOW");
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = below ? readlink(link, path, sizeof path - 1) : -1;
    return length > 0 && strncmp(path, below, strlen(below)) == 0;
}

int flock(int descriptor, int operation) {
    int (*real)(int, int) = dlsym(RTLD_NEXT, "flock");
    if (knows_no_locks(descriptor)) { errno = ENOLCK; return -1; }
    return real(descriptor, operation);
}

static int answer(const char *name, int descriptor, int command, void *argument) {
    int (*real)(int, int, ...) = dlsym(RTLD_NEXT, name);
    int is_lock = command == F_SETLK || command == F_SETLKW || command == F_GETLK
        || command == F_OFD_SETLK || command == F_OFD_SETLKW || command == F_OFD_GETLK;
    if (is_lock && knows_no_locks(descriptor)) { errno = ENOLCK; return -1; }
    return real(descriptor, command, argument);
}

#define ANSWERS(name) \
    int name(int descriptor, int command, ...) { \
        va_list arguments; \
        va_start(arguments, command); \
        void *argument = va_arg(arguments, void *); \
        va_end(arguments); \
        return answer(#name, descriptor, command, argument); \
    }
ANSWERS(fcntl)
ANSWERS(fcntl64)
"""


class NoCompiler(Exception):
    """The library cannot be made here."""


def without_locks(below: Path, work: Path) -> dict[str, str]:
    """Variables of a program for which files below a folder cannot be locked. Raises NoCompiler."""
    if sys.platform != "linux":
        raise NoCompiler("needs Linux")
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise NoCompiler("needs a C compiler on Linux")
    library = work / "lockless.so"
    command = [compiler, "-shared", "-fPIC", "-o", str(library), "-x", "c", "-", "-ldl"]
    compiled = subprocess.run(command, input=_SOURCE, text=True, capture_output=True)
    if compiled.returncode:
        raise NoCompiler(f"needs a C compiler on Linux: {compiled.stderr[-200:]}")
    return {"LD_PRELOAD": str(library), "NO_LOCKS_BELOW": f"{below.resolve()}/"}
