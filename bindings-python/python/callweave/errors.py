"""One family of exceptions: `Error`, with a subclass for each kind.

Catch `Error` for all of them, a subclass for one kind, or look at `Error.code`, which is the same in every language
that callweave speaks.
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
    """What went wrong, in which stage, where in which input, what was found and what was expected.

    `str(error)` is one line with all of it; `__cause__` is what it came of, such as the system's error or the exception of a
    file that was read.
    """

    code: str = "internal"
    """Stable name of the kind of error."""

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
        """The stage of the work that failed, such as `decode`."""
        self.message = message if message is not None else text
        """What went wrong, without place, found and expected."""
        self.input = input
        """The input's name, where one input is to blame."""
        self.byte = byte
        """The byte of the input at which it was noticed."""
        self.found = found
        """What was found."""
        self.expected = expected
        """What was expected instead."""
        self.errno = errno
        """The operating system's number of the error, where that is what it came of."""

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
    """The bytes break the rules of the format they claim to be."""

    code = "malformed"


class Unsupported(Error):
    """The bytes are in order, but their format or codec is not one callweave reads."""

    code = "unsupported"


class LimitExceeded(Error):
    """A limit of the configuration would be exceeded."""

    code = "limit_exceeded"


class InvalidArgument(Error, ValueError):
    """The caller asked for something that makes no sense."""

    code = "invalid_argument"


class NoAudio(Error):
    """There is a recording, but no sound in it: nothing to work on."""

    code = "no_audio"


class Cancelled(Error):
    """The work was cancelled."""

    code = "cancelled"


class ProviderError(Error):
    """A provider's document says that there is no recording, or says it in a way that cannot be read."""

    code = "provider"


class Unsure(Error):
    """What was asked for cannot be vouched for, and was not done."""

    code = "unsure"


class IoError(Error, OSError):
    """The system refused to read or write."""

    code = "io"


class InternalError(Error):
    """A defect of callweave or of a library under it."""

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
    """The exception for an error of the native module."""
    return _BY_CODE.get(code, Error)(text, stage, message, input, byte, found, expected, errno)
