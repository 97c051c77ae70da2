"""The package itself: version, errors, types."""

import importlib.metadata
import json
import pickle
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from conftest import LONG

import callweave
from callweave import _callweave, errors

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "bindings-python/examples").rglob("*.py"))
KINDS = [kind for name in errors.__all__ if (kind := getattr(errors, name)) is not callweave.Error]


def test_numpy_is_not_loaded_before_there_are_arrays() -> None:
    code = "import callweave, sys; callweave.analyze('fixtures/stereo/call.wav'); assert 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_the_licences_are_in_the_package() -> None:
    files = importlib.metadata.files("callweave") or []
    texts = {file.name: file.read_text() for file in files if "licenses" in file.parts}
    for name in ("LICENSE-MIT", "LICENSE-APACHE", "NOTICE"):
        assert texts[name] == (ROOT / name).read_text()
    for name, held in (("silero", "vad/silero/silero-8k"), ("ge2e", "voices/encoder/ge2e")):
        assert texts[f"LICENSE-{name}"] == (ROOT / f"core/src/{held}.LICENSE").read_text()


def test_a_program_that_uses_everything_runs(tmp_path: Path) -> None:
    program = ROOT / "bindings-python/tests/everything.py"
    subprocess.run([sys.executable, program, tmp_path / "out"], cwd=ROOT, check=True)
    assert (tmp_path / "out/turns.vtt").exists()


@pytest.mark.skipif(not LONG, reason="builds the package again")
def test_the_source_distribution_builds_by_itself(tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=True)
    programs = tmp_path / "venv" / Path(sys.executable).parent.name
    python = [str(programs / "python")]
    subprocess.run([*python, "-m", "pip", "install", "--quiet", "maturin>=1.16,<2"], check=True)
    maturin = [*python, "-m", "maturin", "sdist", "--manifest-path", str(ROOT / "bindings-python/Cargo.toml")]
    subprocess.run([*maturin, "--out", str(tmp_path)], check=True, capture_output=True)
    [source] = tmp_path.glob("*.tar.gz")
    subprocess.run([*python, "-m", "pip", "install", "--quiet", str(source)], cwd=tmp_path, check=True)
    program = ROOT / "bindings-python/tests/everything.py"
    subprocess.run([*python, program, tmp_path / "out"], cwd=ROOT, check=True)
    told = subprocess.run([programs / "callweave", "--version"], capture_output=True, text=True, check=True).stdout
    assert callweave.version in told


def test_the_version_is_the_workspaces() -> None:
    package = json.loads((ROOT / "bindings-node/package.json").read_text())
    assert callweave.version == callweave.__version__ == package["version"]


def test_there_is_one_exception_for_each_of_the_cores_kinds() -> None:
    assert {kind.code for kind in KINDS} == set(_callweave.ERROR_CODES)
    assert len(KINDS) == len(_callweave.ERROR_CODES)


@pytest.mark.parametrize("kind", KINDS)
def test_exceptions_are_one_family_and_survive_pickling(kind: type[callweave.Error]) -> None:
    error = errors.from_native(kind.code, "decode: a.mp3: broken", "decode", "broken", "a.mp3", 17, "JSON", "audio")
    assert type(error) is kind and isinstance(error, callweave.Error)
    again = pickle.loads(pickle.dumps(error))
    assert again == error and again.byte == 17 and again.code == kind.code and str(again) == "decode: a.mp3: broken"


def test_builtin_families_fit() -> None:
    assert issubclass(errors.InvalidArgument, ValueError) and issubclass(errors.IoError, OSError)


@pytest.mark.parametrize(
    "command",
    [
        ["mypy", "--strict", str(ROOT / "bindings-python/python/callweave")],
        ["mypy", "--strict", str(ROOT / "bindings-python/tests/everything.py"), *map(str, EXAMPLES)],
        ["pyright", "--project", str(ROOT / "bindings-python/pyrightconfig.json"), "--pythonpath", sys.executable],
        ["mypy.stubtest", "callweave", "--allowlist", str(ROOT / "bindings-python/tests/stubtest.txt")],
    ],
    ids=["mypy", "programs", "pyright", "stubtest"],
)
def test_types_hold(command: list[str], tmp_path: Path) -> None:
    run = subprocess.run([sys.executable, "-m", *command], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
