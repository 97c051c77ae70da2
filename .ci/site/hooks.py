"""What mkdocs does beside its own: links out of `core/docs` lead to the repository, and the references of Rust and Node, and
the page of a call, become part of the site."""

import os
import posixpath
import re
import shutil
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
SOURCE = "https://github.com/callweave/callweave/blob/main/"
LINK = re.compile(r"(\]\()([^)#\s]+)(#[^)\s]*)?(\))")
REFERENCES = {"reference/rust": "doc", "reference/node": "node-reference", "gallery": "site-page"}
"""Folders of the site, and the folders of target/ that are copied there."""


ADDED = {
    "index.md": (
        "\n## References\n\n",
        ("reference/rust", '<p><a href="reference/rust/callweave/index.html">Rust</a>: every public item</p>\n'),
        ("reference/node", '<p><a href="reference/node/index.html">Node</a>: every name and type</p>\n'),
    ),
    "gallery.md": (
        "\n## The page itself\n\n",
        (
            "gallery",
            '<iframe src="gallery/report.html" title="A call" style="width:100%;height:48rem;border:0"></iframe>\n',
        ),
    ),
}
"""What a page gets in the site alone: a heading, then what shows a folder of `REFERENCES`, where that was made."""


PYTHON = "python-api.md"
"""The list of Python's names. In the site, mkdocstrings shows them with their types and examples instead."""


def python_reference(markdown: str) -> str:
    """The same modules as in the list of names, each for mkdocstrings."""
    modules = re.findall(r"^## (callweave\S*)$", markdown, re.MULTILINE)
    return "\n\n".join(["# The names of the Python package", *(f"::: {module}" for module in modules)])


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """The text with links out of the documentation led to the repository; those that lead nowhere stay, and fail."""
    if page.file.src_uri == PYTHON:
        return python_reference(markdown)
    here = posixpath.dirname(f"core/docs/{page.file.src_uri}")

    def lead(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(here, link[2]))
        inside = target.startswith("core/docs/") or "://" in link[2]
        if inside or not (ROOT / target).exists():
            return link[0]
        return f"{link[1]}{SOURCE}{target}{link[3] or ''}{link[4]}"

    heading, *parts = ADDED.get(page.file.src_uri, ("",))
    shown = [html for folder, html in parts if (TARGET / REFERENCES[folder]).is_dir()]
    return LINK.sub(lead, markdown) + (heading + "\n".join(shown) if shown else "")


def on_post_build(config: Any, **_: Any) -> None:
    """Copies what other tools made."""
    for folder, made in REFERENCES.items():
        source = TARGET / made
        if source.is_dir():
            shutil.copytree(source, Path(config["site_dir"]) / folder, dirs_exist_ok=True)
