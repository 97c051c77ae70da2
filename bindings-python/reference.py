#!/usr/bin/env python3
"""The reference of the package from its own docstrings and types: `bindings-python/reference.py >
core/docs/python-api.md`."""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from pathlib import Path
from typing import Any

import callweave
import callweave.aio
import callweave.silero
import callweave.tables

PACKAGE = Path(callweave.__file__).parent
# The width of the docs, in columns.
COLUMNS = 100
MODULES = {
    "callweave": callweave, "callweave.config": callweave.config, "callweave.report": callweave.report,
    "callweave.tables": callweave.tables, "callweave.aio": callweave.aio, "callweave.silero": callweave.silero,
    "callweave.errors": callweave.errors,
}  # fmt: skip


def tree(name: str) -> dict[str, ast.AST]:
    """The definitions of a module by name."""
    path = PACKAGE.joinpath(*name.split(".")[1:])
    source = (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text()
    return {
        node.name: node
        for node in ast.parse(source).body
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    }


def first_lines(text: str | None) -> str:
    """A docstring without its examples, as Markdown."""
    told = inspect.cleandoc(text or "").split("\n>>>")[0].strip()
    return " ".join(told.split())


def signature(node: ast.FunctionDef | ast.AsyncFunctionDef, owner: str = "") -> str:
    arguments = (
        ast.unparse(node.args).removeprefix("self, ").removeprefix("cls, ").removeprefix("self").removeprefix("cls")
    )
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"{owner}{node.name}({arguments}){returns}"


def members(node: ast.ClassDef) -> list[str]:
    """The fields and methods of a class."""
    out = []
    for at, item in enumerate(node.body):
        after = node.body[at + 1] if at + 1 < len(node.body) else None
        told = after.value.value if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) else ""
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name) and not item.target.id.startswith("_"):
            out.append(f"- `{item.target.id}: {ast.unparse(item.annotation)}` {first_lines(str(told))}".rstrip())
        if isinstance(item, ast.FunctionDef) and not item.name.startswith("_"):
            is_property = any(isinstance(d, ast.Name) and d.id == "property" for d in item.decorator_list)
            returns = ast.unparse(item.returns) if item.returns else ""
            name = f"{item.name}: {returns}" if is_property else signature(item)
            out.append(f"- `{name}` {first_lines(ast.get_docstring(item))}".rstrip())
    return out


def entry(name: str, value: Any) -> list[str]:
    """A name of a module with what it is."""
    value = inspect.unwrap(value) if callable(value) else value
    module = getattr(value, "__module__", None)
    if not (isinstance(module, str) and module.startswith("callweave") and hasattr(value, "__qualname__")):
        return []
    node = tree(module).get(value.__name__)
    if isinstance(node, ast.ClassDef):
        bases = ", ".join(ast.unparse(base) for base in node.bases if not ast.unparse(base).startswith("_"))
        return [
            f"### {name}{f' ({bases})' if bases else ''}",
            first_lines(ast.get_docstring(node)),
            "\n".join(members(node)),
        ]
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return [
            f"### {name}",
            f"```text\n{textwrap.fill(signature(node), COLUMNS, subsequent_indent='    ')}\n```",
            first_lines(ast.get_docstring(node)),
        ]
    return []


def wrapped(part: str) -> str:
    """A part with its lines wrapped; code is as it is."""
    if part.startswith("```"):
        return part
    lines = []
    for line in part.splitlines():
        indent = "  " if line.startswith("- ") else ""
        lines.append(
            textwrap.fill(line, COLUMNS, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
        )
    return "\n".join(lines)


def main() -> None:
    print("# The names of the Python package\n\nMade by `bindings-python/reference.py` from what `help()` shows.")
    seen: set[int] = set()
    for title, module in MODULES.items():
        parts = [f"## {title}", first_lines(module.__doc__)]
        for name in module.__all__:
            value = getattr(module, name)
            is_own = title != "callweave.aio" or name in ("run", "chunks", "process_batch")
            if is_own and id(value) not in seen and not name.startswith("_"):
                seen.add(id(value))
                parts += entry(name, value)
        print("\n" + "\n\n".join(wrapped(part) for part in parts if part))


if __name__ == "__main__":
    sys.exit(main())
