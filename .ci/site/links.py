#!/usr/bin/env python3
"""Fails where a page of a built site names a file or a heading of it that is not there: links.py SITE

The references of Rust and Node are made and checked by their own tools; their pages count as targets only."""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

REFERENCES = ("reference/", "gallery/")


class Page(HTMLParser):
    """What a page names, and the places in it that can be named."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.places: set[str] = set()
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.links.append(value)
            if name in ("id", "name") and value:
                self.places.add(value)


def problem(site: Path, page: Path, link: str, pages: dict[Path, Page]) -> str | None:
    """What is wrong with a link, where something is."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return None
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    target = target / "index.html" if target.is_dir() else target
    if not target.is_file():
        return "no such file"
    if parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].places:
        return "no such heading"
    return None


def main() -> int:
    site = Path(sys.argv[1]).resolve()
    files = [path for path in sorted(site.rglob("*.html")) if path.name != "404.html"]
    own = [path for path in files if not path.relative_to(site).as_posix().startswith(REFERENCES)]
    pages = {path: Page(path) for path in own}
    found = [(page, link, problem(site, page, link, pages)) for page in own for link in pages[page].links]
    wrong = [f"{page.relative_to(site)}: {link}: {what}" for page, link, what in found if what]
    print("\n".join(wrong) or f"{len(own)} pages, {len(found)} links: each leads somewhere")
    return 1 if wrong or not own else 0


if __name__ == "__main__":
    sys.exit(main())
