"""Local files with people's data, which only their owner can read."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import IO


def open_private(path: str | os.PathLike[str]) -> IO[bytes]:
    """Open a local file for writing: with mode 0600, also if it exists, and missing folders with mode 0700.

    It is a new file: whoever still has an old one open, such as a try that was replaced, does not write to
    it. Folders that exist stay as they are, and so does what is not a regular file, such as a pipe.

    :raises OSError: with ``errno.ELOOP`` if the file is a symbolic link; nothing is written then
    """
    path = Path(path)
    for folder in reversed(path.parents):
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
    with suppress(OSError):  # in a folder that must not be changed the old one is emptied
        if stat.S_ISREG(os.lstat(path).st_mode):
            path.unlink()
    flags = os.O_WRONLY | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    descriptor = os.open(path, flags, 0o600)
    try:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.fchmod(descriptor, 0o600)  # before a byte of the new content is in it
            os.ftruncate(descriptor, 0)
        return os.fdopen(descriptor, "wb")
    except BaseException:
        os.close(descriptor)
        raise


def is_link(error: BaseException) -> bool:
    """Whether :func:`open_private` refused a symbolic link."""
    return isinstance(error, OSError) and error.errno == errno.ELOOP
