"""The page of a run: what it says, and what it refuses."""

import base64
import json
import math
import re
import shutil
import zlib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.runs import (
    HOSTILE,
    N_FEATURES,
    N_SAMPLED,
    PAGE,
    SCRIPT,
    SETS,
    SUMMARY,
    add_spread,
    cells,
    change_page,
    table,
)

from eigrad.report import build
from eigrad.report.assemble import SPREAD, TEMPLATES
from eigrad.report.page import read_page
from eigrad.report.show import Cell, Grid, Pairs, marked, nested, number, script_json


class Reader(HTMLParser):
    """Elements, attributes, texts and the contents of scripts, as an HTML parser sees them."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.scripts: list[str] = []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data):
        if self.tags and self.tags[-1][0] == "script" and self.lasttag == "script":
            self.scripts[-1] += data
        self.texts.append(data)

    def attributes(self, name: str) -> list[str]:
        return [attributes[name] or "" for _, attributes in self.tags if name in attributes]


def read(page: Path) -> Reader:
    reader = Reader()
    reader.feed(page.read_text(encoding="utf-8"))
    reader.close()
    return reader


def test_the_same_files_give_the_same_bytes_wherever_they_lie(run, tmp_path):
    first = build(run).read_bytes()
    again = build(run).read_bytes()
    elsewhere = build(shutil.copytree(run, tmp_path / "elsewhere")).read_bytes()

    assert first == again == elsewhere
    assert build(run) == run / "report.html"


def test_every_cell_of_a_feature_table_is_in_the_page_as_the_file_has_it(run):
    reader = read(build(run))
    content = json.loads(reader.scripts[0])

    assert [content["columns"], *map(list, zip(*content["cells"], strict=True))] == cells(run / "significance.csv")
    assert content["kinds"] == ["text", "number", "number", "number", "flag", "number"]


def test_every_number_of_a_plain_table_is_in_the_page_as_the_file_has_it(run):
    page = read(build(run))

    assert {"0.98123456789", "1.0"} <= set(page.attributes("title"))
    assert {"0.9812", "1", "yes", "no"} <= set(page.texts)


def test_the_words_stand_in_their_order(run):
    text = "".join(read(build(run)).texts)
    words = [
        *(PAGE["title"], "of 60 features", "Significant features", "See effect first", "Figure 1", "figures/map.svg"),
        *(
            "tested",
            "Classifiers",
            "An effect is",
            "shows no cause",
            "in summary.json",
            "0.9712",
            "in config.json",
            "20200619",
        ),
    ]
    at = [text.rindex(word) for word in words]

    assert at == sorted(at)


def test_nothing_untrusted_becomes_markup(run):
    page = build(run)
    reader = read(page)

    assert [tag for tag, _ in reader.tags].count("script") == 2
    assert {name for _, attributes in reader.tags for name in attributes if name.startswith("on")} == set()
    assert all(source.startswith("data:image/png;base64,") for source in reader.attributes("src"))
    assert PAGE["sections"][0]["figures"][0]["alt"] in reader.attributes("alt")
    assert "alert(" not in re.sub(r"&lt;script&gt;alert\(|\\u003cscript\\u003ealert\(", "", page.read_text()).replace(
        "onerror=alert(1)\\u003e", ""
    )


def test_only_the_pages_own_style_and_script_may_run(run):
    reader = read(build(run))
    policy = next(attributes["content"] for tag, attributes in reader.tags if "http-equiv" in attributes)

    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert "unsafe" not in policy
    assert reader.attributes("style") == []


def test_script_json_survives_and_holds_no_markup():
    text = script_json([*HOSTILE, 1.5])

    assert json.loads(text) == [*HOSTILE, 1.5]
    assert text.isascii()
    assert not set("<>&") & set(text)


def test_marks_are_set_after_escaping():
    assert marked("**bold** and `a < b` & <b>") == "<strong>bold</strong> and <code>a &lt; b</code> &amp; &lt;b&gt;"
    assert marked("`**code**` **`x`") == "<code>**code**</code> **<code>x</code>"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((0.0, "0"), (1.0, "1"), (300.0, "300"), (-2.0, "−2"), (1e6, "1.000e+06")),
        *((0.00123456, "0.001235"), (0.000999999, "1.000e-03"), (1.2346e-5, "1.235e-05"), (-0.5, "−0.5000")),
        *((99.996, "100.0"), (123456.7, "123457"), (math.inf, "∞"), (-math.inf, "−∞"), (math.nan, "NaN")),
    ],
)
def test_numbers_have_four_digits(value, text):
    assert number(value) == text


def test_nested_json_stands_like_beside_like():
    outline = nested(SUMMARY)

    assert isinstance(outline, Pairs)
    items = dict(outline.items)
    assert isinstance(items["gap"], Grid)
    assert items["gap"].columns == ("", "median", "p95")
    assert [row[0].text for row in items["gap"].rows] == ["straight", "neighbors"]
    assert items["gap"].rows[0][1] == Cell("1.235e-05", "1.2345678e-05", "number")
    assert isinstance(items["curve"], Grid)
    assert items["curve"].columns == ("n", "accuracy")
    assert dict(items["accuracy"].items)["cnn"].text == "0.25"


def test_json_nested_beyond_reading_stands_as_json():
    content: Any = "x"
    for _ in range(12):
        content = {"a": content, "b": [content, {}]} if content == "x" else {"a": content}

    outline = nested(content)
    for _ in range(8):
        outline = outline.items[0][1]
    assert outline == Cell('{"a": {"a": {"a": {"a": "x", "b": ["x", {}]}}}}')


@pytest.mark.parametrize(
    ("content", "text"), [({}, "empty"), ([], "empty"), (None, "none"), ([1, 0.5, "a"], "1, 0.5, a"), (True, "yes")]
)
def test_leaves_of_json_are_readable(content, text):
    outline = nested({"a": content})

    assert outline.items[0][1].text == text


def test_a_page_needs_no_more_than_a_title(run):
    (run / "page.json").write_text('{"title": "Empty"}')

    assert "<h1>Empty</h1>" in build(run).read_text()


def test_a_table_without_rows_and_one_with_gaps_are_shown(run):
    (run / "binary.csv").write_text("digit,accuracy\n")
    (run / "significance.csv").write_text("feature,effect\na,\nb,-inf\nc,nan\n,2\n")

    content = json.loads(read(build(run)).scripts[0])
    assert content["kinds"] == ["text", "number"]
    assert content["cells"] == [["a", "b", "c", ""], ["", "-inf", "nan", "2"]]


def test_a_lone_surrogate_does_not_stop_the_page(run):
    (run / "summary.json").write_text('{"name": "\\ud800"}')

    assert "<dd>" in build(run).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["page.json", "config.json", "summary.json"])
def test_a_folder_without_its_files_is_refused(run, name):
    (run / name).unlink()

    with pytest.raises(ValueError, match=f"run is not an eigrad run folder: it has no {name}$"):
        build(run)


@pytest.mark.parametrize("name", ["page.json", "config.json", "summary.json"])
@pytest.mark.parametrize(
    "content", [b'{"title": "cut', b"", b"\xff\xfe", b"[" * 100_000, b'{"n": ' + b"9" * 5000 + b"}"]
)
def test_json_that_is_not_whole_is_refused(run, name, content):
    (run / name).write_bytes(content)

    with pytest.raises(ValueError, match=f"{name}: cannot be read .*, expected a JSON file that is whole$"):
        build(run)


def test_a_run_that_is_no_folder_is_refused(run):
    with pytest.raises(ValueError, match="no such folder, expected an eigrad run folder"):
        build(run / "nowhere")


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ([], "page.json: got list, expected a JSON object"),
        ({}, "'title' is missing or empty, expected a text"),
        ({"title": 5}, "'title': got int, expected a text"),
        ({"title": "t", "headline": "one"}, "'headline': got str, expected a list"),
        ({"title": "t", "limits": [None]}, "'limits' 1: got NoneType, expected a text"),
        ({"title": "t", "section": []}, "got 'section', expected only title, headline, sections, reading, limits"),
        ({"title": "t", "sections": ["one"]}, "'sections' 1: got str, expected an object with title, text"),
        ({"title": "t", "sections": [{"title": "s", "figures": [{"file": "figures/map.png", "title": "f"}]}]}, "'alt'"),
        (
            {"title": "t", "sections": [{"title": "s", "tables": [{"file": "binary.csv", "title": "b", "kind": "x"}]}]},
            "'sections' 1, 'tables' 1: got the kind 'x', expected one of features, plain",
        ),
        *(
            (
                {
                    "title": "t",
                    "sections": [{"title": "s", "tables": [{"file": "binary.csv", "title": "b", key: "x"}]}],
                },
                f"'sections' 1, 'tables' 1: got '{key}' in a plain table, expected it in one of the kind features",
            )
            for key in ("sort", "distributions", "samples")
        ),
        (
            {
                "title": "t",
                "sections": [{"title": "s", "tables": [{"file": "binary.csv", "title": "b", "sample": ""}]}],
            },
            "got 'sample', expected only file, title, caption, kind, sort, distributions, samples",
        ),
    ],
)
def test_a_page_that_says_something_else_is_refused(run, page, message):
    (run / "page.json").write_text(json.dumps(page))

    with pytest.raises(ValueError, match=re.escape(message)):
        build(run)


def sort_by(run: Path, name: str) -> None:
    change_page(run, tables=[{"file": "significance.csv", "title": "t", "kind": "features", "sort": name}])


@pytest.mark.parametrize("name", ["feature", "effects", "significant"])
def test_a_table_cannot_be_sorted_by_what_are_no_numbers(run, name):
    sort_by(run, name)

    with pytest.raises(
        ValueError, match=rf"significance.csv: got no column of numbers '{name}' to sort by, expected one"
    ):
        build(run)


def test_a_table_says_by_what_it_is_sorted_only_where_it_was_asked(run):
    assert read(build(run)).attributes("data-sort") == []
    sort_by(run, "p_value")
    assert read(build(run)).attributes("data-sort") == ["p_value"]


def unpacked(text: str) -> Any:
    return json.loads(zlib.decompress(base64.b64decode(text)))


def test_attributions_behind_the_features_are_in_the_page_to_four_digits(run, seed):
    sets = add_spread(run, table(seed), seed)
    content, behind = map(unpacked, read(build(run)).scripts[:2])

    assert [content["columns"], *map(list, zip(*content["cells"], strict=True))] == cells(run / "significance.csv")
    quantiles = np.concatenate([np.percentile(values, (5, 25, 50, 75, 95), axis=0) for values in sets.values()])
    np.testing.assert_allclose(behind["distributions"], quantiles, rtol=6e-4)
    assert behind["samples"]["features"] == content["cells"][0][:N_SAMPLED]
    for name, _, n in SETS:
        found = behind["samples"]["sets"][name]
        assert found["numbers"] == [7 * i for i in range(n)]
        np.testing.assert_allclose(found["values"], sets[name].T[:N_SAMPLED], rtol=6e-4)


def test_hostile_names_with_attributions_become_no_markup(run, seed):
    add_spread(run, table(seed), seed)
    page = read(build(run))

    assert [attributes.get("type") for tag, attributes in page.tags if tag == "script"] == ["text/plain"] * 2 + [None]
    assert re.fullmatch(r"[A-Za-z0-9+/=\s]+", page.scripts[0] + page.scripts[1])
    assert "img" not in {
        tag for tag, attributes in page.tags if not (attributes.get("src") or "data:").startswith("data:")
    }
    assert {name for _, attributes in page.tags for name in attributes if name.startswith("on")} == set()


def test_a_page_without_attributions_has_nothing_of_their_script_and_style(run, seed):
    before = build(run).read_bytes()
    page = json.loads((run / "page.json").read_text())
    add_spread(run, table(seed), seed)
    with_them = build(run).read_text()
    (run / "page.json").write_text(json.dumps(page))

    assert build(run).read_bytes() == before
    script = TEMPLATES.joinpath("report.js").read_text()
    assert script.count(SPREAD) == 1
    assert f"<script>{script.replace(SPREAD, '')}</script>".encode() in before
    assert f"<style>{TEMPLATES.joinpath('report.css').read_text()}</style>".encode() in before
    assert TEMPLATES.joinpath("spread.js").read_text() in with_them
    assert TEMPLATES.joinpath("spread.css").read_text() in with_them


@pytest.mark.parametrize("key", ["distributions", "samples"])
def test_one_of_the_two_is_enough(run, seed, key):
    add_spread(run, table(seed), seed)
    change_page(run, tables=[{"file": "significance.csv", "title": "t", "kind": "features", key: f"{key}.csv"}])
    behind = unpacked(read(build(run)).scripts[1])

    assert [name for name, content in behind.items() if content is not None] == [key]


def changed(run: Path, name: str, change: Any) -> None:
    content = pd.read_csv(run / name, dtype=str)
    change(content).to_csv(run / name, index=False)


REFUSED = [
    ("distributions", lambda t: t.drop(columns="null_95"), "got the columns feature, class_5, class_25, ..., expected"),
    ("distributions", lambda t: t[::-1], "got other features than the table, expected the same in the same order"),
    ("distributions", lambda t: t[:-1], "got other features than the table"),
    ("distributions", lambda t: t.assign(class_5="9"), "got quantiles that fall, expected them to rise"),
    ("distributions", lambda t: t.assign(null_95="inf"), "got a number that is not finite"),
    ("distributions", lambda t: t.assign(null_95="nan"), "got a number that is not finite"),
    ("distributions", lambda t: t.assign(null_95="x"), "got 'null_95' with cells that are no numbers"),
    ("distributions", lambda t: t.assign(null_95=["", *t["null_95"][1:]]), "got an empty cell"),
    (
        "samples",
        lambda t: t.rename(columns={"class 0": "heart 0"}),
        "expected feature, then a set and a number for every",
    ),
    ("samples", lambda t: t[["feature"]], "got the columns feature, expected feature, then"),
    ("samples", lambda t: t.rename(columns={"class 7": "class 0"}), "got the columns feature, class 0, class 0, ..."),
    ("samples", lambda t: t.assign(feature=["moon", *t["feature"][1:]]), "got the feature 'moon', expected only those"),
    ("samples", lambda t: pd.concat([t, t[:1]]), "twice, expected a name of its own for every feature"),
    ("samples", lambda t: t.assign(**{"class 7": "inf"}), "got a number that is not finite"),
]


@pytest.mark.parametrize(("key", "change", "message"), REFUSED)
def test_attributions_that_do_not_fit_the_table_are_refused(run, seed, key, change, message):
    add_spread(run, table(seed), seed)
    changed(run, f"{key}.csv", change)

    with pytest.raises(ValueError, match=rf"{key}\.csv: .*{re.escape(message)}"):
        build(run)


def test_two_features_of_one_name_have_no_attributions(run, seed):
    features = table(seed)
    features.loc[N_FEATURES - 1, "feature"] = SCRIPT
    features.to_csv(run / "significance.csv", index=False)
    add_spread(run, features, seed)

    with pytest.raises(ValueError, match=r"got the feature .* twice"):
        build(run)


def lead_out(run: Path) -> Iterator[tuple[str, str]]:
    outside = run.parent / "outside.png"
    shutil.copy(run / "figures" / "map.png", outside)
    (run / "link.png").symlink_to(outside)
    (run / "up").symlink_to(run.parent)
    (run / "loop.png").symlink_to(run / "loop.png")
    yield from (
        (name, "leads out of the run folder, expected a file inside it")
        for name in ("../outside.png", "figures/../../outside.png", str(outside), "link.png", "up/outside.png")
    )
    yield from ((name, "leads out of the run folder") for name in ("figures/../figures/map.png", str(run / "a.png")))
    yield from ((name, "is not there") for name in ("no.png", "figures", "loop.png", "a\0.png", "a" * 5000))


@pytest.mark.parametrize("key", ["distributions", "samples"])
def test_attributions_outside_the_run_folder_or_missing_are_refused(run, key):
    for name, message in lead_out(run):
        change_page(run, tables=[{"file": "significance.csv", "title": "t", "kind": "features", key: name}])
        with pytest.raises(ValueError, match=message):
            build(run)


@pytest.mark.parametrize("kind", ["figures", "tables"])
def test_files_outside_the_run_folder_or_missing_are_refused(run, kind):
    for name, message in lead_out(run):
        change_page(run, **{kind: [{"file": name, "title": "x"} | ({"alt": "x"} if kind == "figures" else {})]})
        with pytest.raises(ValueError, match=message) as refusal:
            build(run)
        assert "\n" not in str(refusal.value)
    assert not (run / "report.html").exists()


def test_json_that_is_a_link_out_of_the_folder_is_refused(run, tmp_path):
    (run / "config.json").rename(tmp_path / "secrets.json")
    (run / "config.json").symlink_to(tmp_path / "secrets.json")

    with pytest.raises(ValueError, match="leads out of the run folder"):
        build(run)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "got an empty file, expected a CSV table with a header"),
        (b"feature,effect\na,1\nb\n", "got 1 cells in row 2, expected 2 as in the header"),
        (b'feature,effect\n"a,1\n', "cannot be read .*, expected a CSV table"),
        (b"feature,effect\n\xff,1\n", "cannot be read .*, expected a CSV table"),
    ],
)
def test_a_table_that_is_not_whole_is_refused(run, content, message):
    (run / "significance.csv").write_bytes(content)

    with pytest.raises(ValueError, match=f"significance.csv: {message}$"):
        build(run)


def test_a_figure_that_is_no_png_is_refused(run):
    (run / "figures" / "map.png").write_bytes(b"<svg onload=alert(1)></svg>")

    with pytest.raises(ValueError, match="expected a PNG image"):
        build(run)


def test_a_page_that_cannot_be_written_leaves_nothing_behind(run):
    (run / "report.html").mkdir()
    before = sorted(run.iterdir())

    with pytest.raises(ValueError, match=r"cannot be written .*, expected a writable folder"):
        build(run)
    assert sorted(run.iterdir()) == before


def test_a_disk_that_fills_up_leaves_the_old_page(run, monkeypatch):
    before = build(run).read_bytes()
    files = sorted(run.iterdir())

    def write_half(path, text, **_):
        path.write_bytes(text[: len(text) // 2].encode())
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", write_half)
    with pytest.raises(ValueError, match="No space left on device"):
        build(run)
    assert (run / "report.html").read_bytes() == before
    assert sorted(run.iterdir()) == files


def test_a_page_that_fails_leaves_the_old_one(run):
    before = build(run).read_bytes()
    (run / "binary.csv").write_text("")

    with pytest.raises(ValueError, match=r"binary.csv: got an empty file"):
        build(run)
    assert (run / "report.html").read_bytes() == before


def test_a_figure_is_shown_to_the_scale_it_was_drawn_to(run):
    attributes = next(attributes for tag, attributes in read(build(run)).tags if tag == "img")

    assert (attributes["width"], attributes["height"]) == ("810", "270")  # 6 x 2 inches


def test_what_page_json_leaves_out_is_empty(run):
    change_page(run, figures=[], tables=[{"file": "binary.csv", "title": "Classifiers"}])

    page = read_page(run)
    assert page.sections[0].tables[0].kind == "plain"
    assert page.sections[0].tables[0].caption == ""
    assert page.sections[0].text == ("See `effect` first.",)
