"""What documents show, run as it stands."""

import re
import shlex
from pathlib import Path

from typer.testing import CliRunner

from eigrad.cli import app

ROOT = Path(__file__).parents[1]


def code_of(name: str) -> str:
    return "\n".join(re.findall(r"^```python\n(.*?)^```", (ROOT / name).read_text(encoding="utf-8"), re.S | re.M))


def commands(name: str) -> None:
    """Run the command lines of a page, one after the other."""
    text = (ROOT / name).read_text(encoding="utf-8")
    lines = "".join(re.findall(r"^```sh\n(.*?)^```", text, re.S | re.M)).splitlines()
    assert lines
    for line in lines:
        program, *words = shlex.split(line)
        assert program == "eigrad"
        result = CliRunner().invoke(app, ["-q", *words])
        assert result.exit_code == 0, result.output


def run(name: str, given: dict[str, object]) -> None:
    assert code_of(name)
    exec(compile(code_of(name), name, "exec"), given)
