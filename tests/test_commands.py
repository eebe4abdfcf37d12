"""Every command in the documents is run: by a test named here, or by CI.

A new command in a document needs an entry in `RUN_BY`; cheap commands that nothing else runs are
run here.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench.__main__ import FAMILIES
from tests.processes import PATIENCE_SECONDS, ROOT
from tests.test_documents import names_in

DOCUMENTS = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "examples/nextjs/README.md",
]
#: Shell blocks, and inline code.
CODE = re.compile(r"```sh\n(.*?)```|`([^`\n]+)`", re.DOTALL)
COMMAND = re.compile(
    r"(?<![\w-])(?:make [a-z]+|python -m (?:app [\w-]+|[\w.]+(?: --[a-z]+)*)"
    r"|python -c|npm (?:run [\w:]+|[a-z]+))"
)
CI = (ROOT / ".ci" / "run").read_text()
#: Run by `make example`.
EXAMPLE = "tests/example.py"
MAKEFILE = (ROOT / "Makefile").read_text()
RUNBOOK = "test_runbook.py::test_command_of_the_runbook_works"
SANDBOX = "test_sandbox_core.py::test_process_prints_its_address_and_ends_on_sigterm"
RUN_BY = {
    "make install": ".ci/run",
    "make demo": ".ci/run",
    "make run": "test_readme.py::test_api_by_curl_publishes_a_post",
    "make example": ".ci/run",
    "make check": ".ci/run",
    "make test": "make check",
    "make lint": "make check",
    "make corpus": ".ci/run",
    "make thorough": ".ci/run",
    "make crash": ".ci/run",
    "make bench": "test_bench.py::test_bench_runs_without_node",
    "make doctor": RUNBOOK,
    "make help": "test_commands.py::test_make_help_lists_every_command",
    "make format": "test_commands.py::test_make_format_rewrites_the_code",
    "make clean": "test_commands.py::test_make_clean_leaves_the_sources_alone",
    "python -m bench --help": "test_commands.py::test_bench_says_what_it_measures",
    "python -c": RUNBOOK,
    "python -m sandbox": SANDBOX,
    "python -m app rotate-keys": RUNBOOK,
    "python -m workers.doctor": "test_doctor.py::test_report_is_lines_of_its_own_alone",
    "npm ci": EXAMPLE,
    "npm start": EXAMPLE,
    "npm run dev": EXAMPLE,
    "npm run env": EXAMPLE,
    "npm run build": EXAMPLE,
    "npm run types": EXAMPLE,
    "npm run types:check": EXAMPLE,
    "npm run lint": EXAMPLE,
    "npm run typecheck": EXAMPLE,
    "npm run e2e": EXAMPLE,
}
BIN = Path(sys.executable).parent
#: `-o`: the environment exists, whatever the files' timestamps say.
MAKE = ("make", "-o", ".venv/.ready")


def commands_of(document: Path) -> set[str]:
    """Return the commands that a document shows; comments contain prose as well."""
    found: set[str] = set()
    for block, words in CODE.findall(document.read_text()):
        for line in (block or words).splitlines():
            command, _, comment = line.partition(" #")
            found.update(COMMAND.findall(command))
            found.update(other for other in COMMAND.findall(comment) if other in RUN_BY)
    return found


def ci_runs(command: str) -> bool:
    """Return whether a line of CI is this command."""
    return re.search(rf"^{re.escape(command)}\b", CI, re.MULTILINE) is not None


def run(*command: str, folder: Path = ROOT) -> str:
    """Run a command, which must succeed, and return its output."""
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE_SECONDS
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_command_of_the_documents_is_known() -> None:
    shown = {command: document.name for document in DOCUMENTS for command in commands_of(document)}
    assert {command: name for command, name in shown.items() if command not in RUN_BY} == {}
    assert set(RUN_BY) - set(shown) == set()


@pytest.mark.parametrize("command", RUN_BY)
def test_who_is_named_runs_the_command(command: str) -> None:
    runner = RUN_BY[command]
    if runner == ".ci/run":
        assert ci_runs(command)
    elif runner == EXAMPLE:
        assert ci_runs("make example")
        assert re.search(rf'"{re.escape(command)}[" ]', (ROOT / EXAMPLE).read_text())
    elif runner.startswith("make "):
        _, _, target = runner.partition(" ")
        [parts] = re.findall(rf"^{target}: (.*?) ##", MAKEFILE, re.MULTILINE)
        assert command.removeprefix("make ") in parts.split() and ci_runs(runner)
    else:
        file, _, name = runner.partition("::")
        assert name in names_in(file)


def test_make_help_lists_every_command() -> None:
    listed = re.findall(r"^  make ([a-z]+) +\S", run("make", "help"), re.MULTILINE)
    [phony] = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    assert listed == phony.split()


def test_bench_says_what_it_measures() -> None:
    said = run(sys.executable, "-m", "bench", "--help")
    assert all(family in said for family in FAMILIES)


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A tree with the project's Makefile and settings, and little code."""
    for name in ("Makefile", "setup.cfg", "requirements.txt", "requirements-dev.txt"):
        shutil.copy(ROOT / name, tmp_path)
    for package in ("app", "workers", "sandbox", "tests", "bench", "migrations"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "env.py").write_text("import sys\nimport os\nprint( sys,os )\n")
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "bin").symlink_to(BIN)
    return tmp_path


def test_make_format_rewrites_the_code(copied: Path) -> None:
    run(*MAKE, "format", folder=copied)
    for package in ("app", "workers", "sandbox", "tests", "bench"):
        text = (copied / package / "env.py").read_text()
        assert text == "import os\nimport sys\n\nprint(sys, os)\n", package


def test_make_clean_leaves_the_sources_alone(copied: Path) -> None:
    gone = ["var/a", "bench/bullmq/node_modules/a"]
    gone += [f"examples/nextjs/{name}/a" for name in ("node_modules", ".next", ".data")]
    kept = ["app/env.py", "examples/nextjs/package.json", "bench/bullmq/package.json"]
    for name in [*gone, *kept]:
        (copied / name).parent.mkdir(parents=True, exist_ok=True)
        (copied / name).touch()
    run("make", "clean", folder=copied)
    assert all((copied / name).exists() for name in kept)
    assert not any((copied / name).parent.exists() for name in gone)
    assert not (copied / ".venv").exists()
    assert (BIN / "python").exists()  # the target of the link
