"""Recordings and results at URLs, by fsspec: `s3://`, `gs://`, `https://`, `memory://` and all
others that it supports."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from callweave._values import refused
from callweave.errors import InvalidArgument, IoError

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+://")
BLOCK = 4 << 20
"""Bytes requested from storage at a time."""
WAITS = (0.1, 0.5)
"""Seconds before a failed read is repeated."""


def is_url(path: object) -> bool:
    """Returns whether `path` is a URL of something in storage, rather than a file's path."""
    return isinstance(path, str) and _URL.match(path) is not None


def refuse_unused(storage_options: Mapping[str, Any] | None, *places: object) -> None:
    """Refuses storage options if none of the places is in storage."""
    if storage_options and not any(is_url(place) for place in places):
        raise refused("storage_options", "no URL", "a URL such as s3://bucket/call.wav", "input")


def filesystem(url: str, storage_options: Mapping[str, Any] | None) -> tuple[Any, str]:
    """Returns the storage of a URL, and the path in it."""
    scheme = url.partition("://")[0]
    try:
        import fsspec  # type: ignore[import-untyped]
    except ModuleNotFoundError:
        raise InvalidArgument(f"{scheme}:// needs fsspec: pip install callweave[cloud]", "input", input=url) from None
    try:
        fs, path = fsspec.core.url_to_fs(url, **(storage_options or {}))
    except ImportError as error:
        raise InvalidArgument(f"{scheme}://: {error}; pip install callweave[cloud]", "input", input=url) from error
    except (ValueError, TypeError) as error:
        raise InvalidArgument(f"{scheme}://: {error}", "input", input=url) from error
    return fs, path


def open_url(url: str, storage_options: Mapping[str, Any] | None) -> RemoteFile:
    """Opens a file in storage for reading."""
    fs, path = filesystem(url, storage_options)
    try:
        return RemoteFile(url, fs.open(path, "rb", block_size=BLOCK))
    except Exception as error:
        raise _failed(url, "cannot open", error) from error


class RemoteFile:
    """A file in storage. A failed read is repeated if the storage can read from any position. A
    truncated read is an error.
    """

    def __init__(self, url: str, file: Any) -> None:
        self._file = file
        self._url = url
        self._done = 0
        size = getattr(file, "size", None)
        self._size = size if isinstance(size, int) else None

    def read(self, size: int = -1, /) -> bytes:
        """Returns the next bytes, at most `size`, or none at the end."""
        for wait in (*WAITS, None):
            try:
                data = bytes(self._file.read(size))
                break
            except Exception as error:
                if wait is None or self._size is None:
                    raise _failed(self._url, f"reading failed after {self._done} bytes", error) from error
                time.sleep(wait)
                try:
                    self._file.seek(self._done)
                except Exception:
                    raise _failed(self._url, f"reading failed after {self._done} bytes", error) from error
        self._done += len(data)
        if not data and size != 0 and self._size is not None and self._done < self._size:
            said = f"{self._url}: ended early: found {self._done} bytes, expected {self._size}"
            raise IoError(
                said, "input", "ended early", self._url, found=f"{self._done} bytes", expected=f"{self._size}"
            )
        return data

    def __enter__(self) -> RemoteFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def put(url: str, data: bytes, storage_options: Mapping[str, Any] | None) -> None:
    """Writes a file in storage."""
    fs, path = filesystem(url, storage_options)
    try:
        fs.pipe_file(path, data)
    except Exception as error:
        raise _failed(url, "cannot write", error) from error


def put_folder(folder: str | os.PathLike[str], url: str, last: str, storage_options: Mapping[str, Any] | None) -> None:
    """Copies a folder's files to storage, `last` last. If it exists, all files do."""
    fs, path = filesystem(url.rstrip("/"), storage_options)
    files = sorted(
        (file for file in Path(folder).iterdir() if file.is_file()), key=lambda file: (file.name == last, file.name)
    )
    try:
        fs.makedirs(path, exist_ok=True)
        for file in files:
            fs.put_file(os.fspath(file), f"{path}/{file.name}")
    except Exception as error:
        raise _failed(url, "cannot write", error) from error


def _failed(url: str, what: str, error: Exception) -> IoError:
    said = str(error) or type(error).__name__
    if error.__cause__ is not None and str(error.__cause__) not in said:
        said = f"{said}: {error.__cause__}"
    number = error.errno if isinstance(error, OSError) else None
    return IoError(f"{url}: {what}: {said}", "input", f"{what}: {said}", url, errno=number)
