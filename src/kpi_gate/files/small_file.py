"""Text that a person wrote: a plain file in UTF-8, no longer than it may be."""

import os
import stat
from pathlib import Path

from kpi_gate.errors import ConfigurationError

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def read_text(path: Path, most: int) -> str:
    """Read a plain file of UTF-8 text; a byte-order mark is left out.

    Args:
        path: The file. What never ends or never begins (a pipe, a device) is not opened.
        most: Most bytes that it may hold.

    Raises:
        ConfigurationError: If it is not there, no plain file, too long or no UTF-8.
    """
    content = _bytes(path, most)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(
            f"{path}: line {line}: byte 0x{content[error.start]:02x} is no UTF-8; save it as UTF-8"
        ) from None


def _bytes(path: Path, most: int) -> bytes:
    require_plain_file(path)
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from None
    if len(content) > most:
        raise ConfigurationError(f"{path}: holds more than {most:,} bytes, must hold at most that")
    return content


def require_plain_file(path: Path) -> None:
    """Refuse what is no plain file, before opening it could wait for ever.

    Raises:
        ConfigurationError: If it is not there, or a folder, a pipe, a socket or a device.
    """
    try:
        kind = stat.S_IFMT(os.stat(path).st_mode)  # noqa: PTH116  (Path.stat hides a NUL byte)
    except FileNotFoundError:
        raise ConfigurationError(f"{path}: there is no such file") from None
    except (OSError, ValueError) as error:
        words = getattr(error, "strerror", None) or str(error)
        raise ConfigurationError(f"{path}: cannot be read: {words}") from None
    if kind != stat.S_IFREG:
        raise ConfigurationError(f"{path}: is {_KINDS.get(kind, 'no file')}, must be a plain file")
