"""The way to the core's helpers: JSON in, JSON out."""

from __future__ import annotations

import json
from typing import Any

from callweave import _callweave
from callweave._values import to_json


def ask(helper: str, arguments: dict[str, Any]) -> Any:
    """What a helper answers."""
    return json.loads(_callweave.provider(helper, to_json(arguments)))


def text_of(document: Any, errors: str = "strict") -> str:
    """A document's text."""
    if isinstance(document, (bytes, bytearray, memoryview)):
        return bytes(document).decode("utf-8", errors)
    return document if isinstance(document, str) else to_json(document, "document")
