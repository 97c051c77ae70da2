"""Every example is run: the modules' own and those of the READMEs."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest
from conftest import ROOT

import callweave

MODULES = [info.name for info in pkgutil.walk_packages(callweave.__path__, "callweave.") if info.name != "callweave._callweave"]


def test_examples_of_the_modules_do_what_they_say() -> None:
    attempted = 0
    for name in MODULES:
        result = doctest.testmod(importlib.import_module(name), extraglobs={"callweave": callweave})
        assert result.failed == 0, name
        attempted += result.attempted
    assert attempted >= 8


@pytest.mark.parametrize("readme", ["README.md", "bindings-python/README.md"])
def test_examples_of_the_readme_run(readme: str, tmp_path: Path) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / readme).read_text(), re.DOTALL | re.MULTILINE)
    assert blocks, "no example in Python"
    for block in blocks:
        code = block.replace('"out/', f'"{tmp_path}/')
        exec(compile(code, readme, "exec"), {"__name__": "__main__"})
