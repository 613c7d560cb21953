"""The tutorials of splicing and of regulators, one after the other as a reader takes them."""

import re
from pathlib import Path

import pytest
from tests.documents import commands, run


def test_the_tutorials_of_splicing_and_regulators_name_the_planted_protein(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    commands("docs/tutorials/splicing.md")
    run("docs/tutorials/splicing.md", {})
    commands("docs/tutorials/regulators.md")
    run("docs/tutorials/regulators.md", {})
    printed = capsys.readouterr().out
    assert re.search(r"^downstream_intron_start:A1CF +3\.5 .* True$", printed, re.M)
    assert re.search(r"^ +A1CF +1 +True ", printed, re.M)
    assert "plate-1.png" in printed
