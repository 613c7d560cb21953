"""What the documents show runs as it stands."""

import re
import sys
from importlib.util import find_spec
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from benchmarks.catalogue import page
from tests import standins
from tests.documents import ROOT, code_of, run

from eigrad.cases.splicing.features import catalogue
from eigrad.training import seeded


def test_the_tutorial_of_tables_ends_in_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run("docs/tutorials/tabular.md", {"__name__": "tabular"})
    printed = capsys.readouterr().out
    assert 10 <= int(re.search(r"(\d+) of 30 measurements", printed)[1]) <= 26
    assert float(re.search(r"largest relative error (\S+),", printed)[1]) <= 0.01
    page = Path("tumors/report.html").read_text(encoding="utf-8")
    assert "What sets malignant tumors apart" in page
    assert "Class: 109 samples explained." in page


def test_the_tutorial_of_images_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run("docs/tutorials/images.md", {"__name__": "images"})
    printed = capsys.readouterr().out
    assert float(re.search(r"test accuracy (\d\.\d+)", printed)[1]) > 0.8
    assert {path.name for path in tmp_path.iterdir()} == {"fives.png", "fives.svg"}


def test_the_tutorial_of_sequences_finds_what_stands_in_textbooks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    given: dict[str, object] = {"__name__": "sequence"}
    run("docs/tutorials/sequence.md", given)
    printed = capsys.readouterr().out
    assert float(re.search(r"test accuracy (\d\.\d+)", printed)[1]) > 0.85
    assert {29, 30} <= set(given["significant"])
    assert all(5 < position < 40 for position in given["significant"])
    assert Path("acceptors.svg").stat().st_size > 10_000


def test_the_first_screen_runs_as_it_stands_and_without_a_warning(
    seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    given: dict[str, object] = {}
    with seeded(seed):
        run("README.md", given)
    assert "pixel_" in capsys.readouterr().out
    assert len(given["table"]) == 64
    assert 5 <= given["table"]["significant"].sum() <= 25
    assert code_of("docs/index.md") == code_of("README.md")


def test_what_a_path_does_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run("docs/paths.md", {"__name__": "paths"})
    rows = re.findall(r"across +(\S+)  up +(\S+)  sum +(\S+)  change of the score +(\S+)", capsys.readouterr().out)
    (across, _, total, change), (around, _, also, _) = [[float(number) for number in row] for row in rows]
    assert abs(total - change) <= 0.02 >= abs(also - change)
    assert abs(across - around) > 1
    assert Path("paths.svg").stat().st_size > 10_000


def test_a_path_and_a_baseline_of_ones_own_run(capsys: pytest.CaptureFixture[str]) -> None:
    given: dict[str, object] = {"__name__": "extending"}
    run("docs/extending.md", given)
    assert given["result"].gap.shape == (4, 5)
    assert "torch.Size([4, 6])" in capsys.readouterr().out


def test_eigrad_works_beside_other_libraries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for library in ("anndata", "xarray"):
        if find_spec(library) is None:
            monkeypatch.setitem(sys.modules, library, getattr(standins, library))
    given: dict[str, object] = {"__name__": "ecosystem"}
    with seeded(0):
        run("docs/ecosystem.md", given)
    plt.close("all")
    printed = capsys.readouterr().out
    assert float(re.search(r"difference (\S+)", printed)[1]) < 1e-5
    assert "{'sample': 90, 'feature': 64, 'baseline': 3}" in printed
    assert Path("beeswarm.png").stat().st_size > 10_000
    assert 5 <= given["adata"].var["eigrad_significant"].sum() <= 60


def test_tables_sets_and_features_of_a_world_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    given: dict[str, object] = {}
    run("docs/reference/splicing.md", given)
    first, second = capsys.readouterr().out.splitlines()
    counts = re.fullmatch(r"(\d+) exons, (\d+) of them more included in hippocampus; (\d+) constitutive ones", first)
    n_events, n_included, n_always = map(int, counts.groups())
    assert 5 < n_included < n_events
    assert n_always > 100
    assert second == f"({n_included}, {len(given['features'].catalogue)}) 871 meta-features"


def test_the_old_one_sided_p_values_have_twice_the_false_positives(capsys: pytest.CaptureFixture[str]) -> None:
    run("docs/differences.md", {})
    assert re.search(r"false positives at 0.05: 0.0\d+ and 0.\d+", capsys.readouterr().out)


def test_documents_link_only_to_files_that_are_there() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    links = [
        (page.relative_to(ROOT), link)
        for page in pages
        for link in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
        if "://" not in link
    ]
    assert len(links) > 10
    assert [(page, link) for page, link in links if not (ROOT / page.parent / link).exists()] == []


def test_the_catalogue_of_splicing_features_is_that_of_the_code():
    assert (ROOT / "docs" / "splicing-features.md").read_text(encoding="utf-8") == page()
    listed = pd.read_csv(ROOT / "docs" / "images" / "splicing-features.csv")
    pd.testing.assert_frame_equal(listed, catalogue(structure=True), check_dtype=False)
