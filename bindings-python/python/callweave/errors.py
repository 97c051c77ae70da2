"""Exceptions: `Error`, with a subclass for each kind.

Catch `Error` for all of them or a subclass for one kind, or check `Error.code`, which is the same
in every language.
"""

from __future__ import annotations

__all__ = [
    "Cancelled",
    "Error",
    "InternalError",
    "InvalidArgument",
    "IoError",
    "LimitExceeded",
    "Malformed",
    "NoAudio",
    "ProviderError",
    "Unsupported",
    "Unsure",
]


class Error(Exception):
    """An error: its kind and stage, the input and byte where it arose, what was found and what was
    expected.

    `str(error)` is one line with all of it. `__cause__` is the underlying error, such as that of
    the system, or the exception of a file that was read.
    """

    code: str = "internal"
    """Stable code of the error's kind."""

    def __init__(
        self,
        text: str,
        stage: str | None = None,
        message: str | None = None,
        input: str | None = None,
        byte: int | None = None,
        found: str | None = None,
        expected: str | None = None,
        errno: int | None = None,
    ) -> None:
        super().__init__(text)
        self.text = text
        self.stage = stage
        """The stage in which the error arose, such as `decode`."""
        self.message = message if message is not None else text
        """The message without input, found and expected."""
        self.input = input
        """The name of the input in which the error arose."""
        self.byte = byte
        """Byte offset in the input."""
        self.found = found
        """What was found."""
        self.expected = expected
        """What was expected."""
        self.errno = errno
        """The operating system's error number, if the error comes from it."""

    def _fields(self) -> tuple[str | int | None, ...]:
        return (self.text, self.stage, self.message, self.input, self.byte, self.found, self.expected, self.errno)

    def __str__(self) -> str:
        return self.text

    def __reduce__(self) -> tuple[type[Error], tuple[object, ...]]:
        return (type(self), self._fields())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Error) and type(self) is type(other) and self._fields() == other._fields()

    __hash__ = Exception.__hash__


class Malformed(Error):
    """The data violates the format it claims to be."""

    code = "malformed"


class Unsupported(Error):
    """The data is valid, but callweave does not read its format or codec."""

    code = "unsupported"


class LimitExceeded(Error):
    """The work would exceed a limit of the configuration."""

    code = "limit_exceeded"


class InvalidArgument(Error, ValueError):
    """An argument or a setting is not valid."""

    code = "invalid_argument"


class NoAudio(Error):
    """The recording contains no audio."""

    code = "no_audio"


class Cancelled(Error):
    """The work was cancelled."""

    code = "cancelled"


class ProviderError(Error):
    """A provider's document has no recording, or cannot be read."""

    code = "provider"


class Unsure(Error):
    """The result would not be certain enough, so nothing was done."""

    code = "unsure"


class IoError(Error, OSError):
    """The operating system failed to read or write."""

    code = "io"


class InternalError(Error):
    """A defect in callweave or in one of its dependencies."""

    code = "internal"


_BY_CODE: dict[str, type[Error]] = {
    kind.code: kind
    for kind in (
        Malformed,
        Unsupported,
        LimitExceeded,
        InvalidArgument,
        NoAudio,
        Cancelled,
        ProviderError,
        Unsure,
        IoError,
        InternalError,
    )
}


def from_native(
    code: str,
    text: str,
    stage: str | None = None,
    message: str | None = None,
    input: str | None = None,
    byte: int | None = None,
    found: str | None = None,
    expected: str | None = None,
    errno: int | None = None,
) -> Error:
    """Returns the exception for an error of the native module."""
    return _BY_CODE.get(code, Error)(text, stage, message, input, byte, found, expected, errno)
