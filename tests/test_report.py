"""The page of a run: what it says, what it refuses, and what it does in a browser."""

import csv
import io
import json
import math
import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from eigrad.report import build
from eigrad.report.page import read_page
from eigrad.report.show import Cell, Grid, Pairs, marked, nested, number, script_json

SCRIPT = "<script>alert('feature')</script>"
HOSTILE = (
    SCRIPT,
    '"><img src=x onerror=alert(1)>',
    "</script><script>alert(2)</script>",
    "<!--<script>",
    "it's \"quoted\" & 'quoted'",
    "two\nlines",
    "Ångström \N{GREEK SMALL LETTER BETA} \N{LINE SEPARATOR}\N{PARAGRAPH SEPARATOR} \N{RIGHT-TO-LEFT OVERRIDE}x",
    "{{ 7 * 7 }} ${1 + 1}",
)
N_FEATURES, N_SIGNIFICANT = 60, 9  # every seventh, from the fourth
PAGE = {
    "title": f"What makes {SCRIPT} differ",
    "headline": ["**Nine** of 60 features are used more.", f"Untrusted: {SCRIPT}"],
    "sections": [
        {
            "title": "Significant features",
            "text": ["See `effect` first."],
            "figures": [
                {"file": "figures/map.png", "title": "Figure 1", "caption": SCRIPT, "alt": f'a "map" {SCRIPT}'}
            ],
            "tables": [
                {
                    "file": "significance.csv",
                    "title": f"Every feature {SCRIPT}",
                    "caption": "tested",
                    "kind": "features",
                },
                {"file": "binary.csv", "title": "Classifiers", "caption": "", "kind": "plain"},
            ],
        }
    ],
    "reading": ["An effect is a difference."],
    "limits": ["Significance shows no cause."],
}
SUMMARY = {
    "n_features": N_FEATURES,
    "accuracy": {"vae": 0.9712345678, "cnn": 0.25},
    "gap": {"straight": {"median": 1.2345678e-5, "p95": 0.02}, "neighbors": {"median": -0.001, "p95": 3.0}},
    "curve": [{"n": 1, "accuracy": 0.5}, {"n": 20, "accuracy": 0.9}],
    "untrusted": {SCRIPT: SCRIPT},
}
CONFIG = {"seed": 20_200_619, "arguments": {"quick": True, "data": None, "hidden": [400, 200]}}


def table(seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    effect = random.normal(size=N_FEATURES)
    names = [*HOSTILE, *(f"gene_{i}" for i in range(len(HOSTILE), N_FEATURES))]
    return pd.DataFrame(
        {
            "feature": names,
            "mean_attribution": random.normal(scale=1e-3, size=N_FEATURES),
            "effect": effect,
            "p_value": 10.0 ** random.uniform(-300, 0, N_FEATURES),
            "significant": np.arange(N_FEATURES) % 7 == 3,
            "n_class": 300,
        }
    )


def write_run(folder: Path, features: pd.DataFrame) -> Path:
    (folder / "figures").mkdir(parents=True)
    figure, axes = plt.subplots(figsize=(6, 2), dpi=50)
    axes.plot([0, 1], [1, 0])
    figure.savefig(folder / "figures" / "map.png")
    figure.savefig(folder / "figures" / "map.svg")
    plt.close(figure)
    features.to_csv(folder / "significance.csv", index=False)
    pd.DataFrame({"digit": [0, 1], "accuracy": [0.98123456789, 1.0], "dead": [True, False]}).to_csv(
        folder / "binary.csv", index=False
    )
    for name, content in (("page", PAGE), ("summary", SUMMARY), ("config", CONFIG)):
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


@pytest.fixture
def run(tmp_path, seed) -> Path:
    return write_run(tmp_path / "run", table(seed))


def change_page(run: Path, **section: Any) -> None:
    page = json.loads((run / "page.json").read_text())
    page["sections"][0].update(section)
    (run / "page.json").write_text(json.dumps(page))


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


def cells(path: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))


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
    ],
)
def test_a_page_that_says_something_else_is_refused(run, page, message):
    (run / "page.json").write_text(json.dumps(page))

    with pytest.raises(ValueError, match=re.escape(message)):
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


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
in_browser = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


class Opened:
    """A page in the browser, with everything it said and asked for."""

    def __init__(self, browser: Any, page: Path, width: int = 1280) -> None:
        self.context = browser.new_context(viewport={"width": width, "height": 800})
        self.context.set_default_timeout(10_000)
        self.page = self.context.new_page()
        self.said: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.said.append(dialog.message), dialog.dismiss()))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(page.resolve().as_uri())
        self.box = self.page.locator(".features")

    def column(self, index: int) -> list[str]:
        """The full values of a column of the feature table, as shown."""
        script = "(rows, i) => rows.map((row) => row.cells[i].title || row.cells[i].textContent)"
        return self.box.locator("tbody tr").evaluate_all(script, index)

    def sort(self, name: str) -> str:
        header = self.box.get_by_role("columnheader", name=name, exact=True)
        header.get_by_role("button").click()
        return header.get_attribute("aria-sort")

    def count(self) -> str:
        return self.box.get_by_role("status").text_content()


@pytest.fixture
def opened(browser, run) -> Iterator[Opened]:
    it = Opened(browser, build(run))
    yield it
    it.context.close()


@in_browser
@pytest.mark.browser
def test_the_page_renders_silently_and_asks_for_nothing(opened, run):
    assert opened.page.title() == PAGE["title"]
    assert opened.box.locator("tbody tr").count() == 25
    assert opened.page.locator("figure img").evaluate("image => image.complete && image.naturalWidth") == 300
    opened.sort("p_value")
    opened.box.get_by_label("Search").fill("gene")
    assert opened.said == []
    asked = [url for url in opened.requests if not url.startswith("data:")]
    assert asked == [(run / "report.html").resolve().as_uri()]


@in_browser
@pytest.mark.browser
def test_hostile_names_stay_text(opened, run):
    opened.box.get_by_role("button", name="Show all").click()
    opened.sort("effect")  # back to the order of the file

    names = opened.box.locator("tbody th").evaluate_all("heads => heads.map((head) => head.textContent)")
    assert names[: len(HOSTILE)] == list(HOSTILE)
    assert opened.page.evaluate("document.querySelectorAll('script').length") == 2
    assert opened.page.locator("td *, tbody th *").evaluate_all("all => [...new Set(all.map((e) => e.tagName))]") == [
        "SPAN",
        "I",
    ]
    assert opened.page.locator("h1").text_content() == PAGE["title"]
    assert opened.said == []


@in_browser
@pytest.mark.browser
def test_a_script_that_slips_in_does_not_run(opened):
    opened.page.evaluate(
        """() => {
            document.body.insertAdjacentHTML("beforeend", "<img src='data:,' onerror='window.ran = 1'>");
            document.body.append(Object.assign(document.createElement("script"), { textContent: "window.ran = 2" }));
            return new Promise((resolve) => setTimeout(resolve, 100));
        }"""
    )

    assert opened.page.evaluate("window.ran") is None
    assert any("Content Security Policy" in said for said in opened.said)


@in_browser
@pytest.mark.browser
@pytest.mark.parametrize("index", [1, 2, 3])
def test_numbers_sort_up_then_down_then_as_in_the_file(opened, run, seed, index):
    data = table(seed)
    name = data.columns[index]
    texts = [row[index] for row in cells(run / "significance.csv")[1:]]
    opened.box.get_by_role("button", name="Show all").click()
    opened.sort("feature")

    assert opened.sort(name) == "ascending"
    assert opened.column(index) == sorted(texts, key=float)
    assert opened.sort(name) == "descending"
    assert opened.column(index) == sorted(texts, key=float, reverse=True)
    assert opened.sort(name) == "none"
    assert opened.column(index) == texts


@in_browser
@pytest.mark.browser
def test_the_largest_effects_come_first(opened, seed):
    largest = table(seed).sort_values("effect", ascending=False)["effect"].head(25)

    assert list(map(float, opened.column(2))) == largest.tolist()
    assert opened.box.locator("th[aria-sort='descending']").text_content() == "effect"


@in_browser
@pytest.mark.browser
def test_names_sort_with_their_numbers_as_numbers(opened):
    opened.box.get_by_label("Search").fill("gene_")
    opened.box.get_by_role("button", name="Show all").click()
    genes = [f"gene_{i}" for i in range(len(HOSTILE), N_FEATURES)]

    assert opened.sort("feature") == "ascending"
    assert opened.column(0) == genes
    assert opened.sort("feature") == "descending"
    assert opened.column(0) == genes[::-1]
    assert opened.box.locator("th[aria-sort]:not([aria-sort='none'])").count() == 1


@in_browser
@pytest.mark.browser
def test_missing_values_come_last_both_ways(browser, run):
    (run / "significance.csv").write_text("feature,effect\na,\nb,2\nc,-inf\nd,nan\ne,1\n")
    opened = Opened(browser, build(run))
    down = opened.column(0)
    opened.sort("feature")
    opened.sort("effect")
    up = opened.column(0)
    shown = opened.box.locator("tbody td").evaluate_all("cells => cells.map((cell) => cell.innerText.trim())")
    opened.context.close()

    assert down == ["b", "e", "c", "a", "d"]
    assert up == ["c", "e", "b", "a", "d"]
    assert shown == ["−∞", "1", "2", "", "NaN"]


@in_browser
@pytest.mark.browser
def test_search_narrows_and_counts(opened):
    assert opened.count() == "60 in all, first 25 shown"
    opened.box.get_by_label("Search").fill("GENE_1")
    assert sorted(opened.column(0)) == [f"gene_{i}" for i in range(10, 20)]
    assert opened.count() == "10 found, 60 in all"
    opened.box.get_by_label("Search").fill("<script>alert('")
    assert opened.column(0) == [SCRIPT]
    opened.box.get_by_label("Search").fill("no such feature")
    assert opened.column(0) == ["No row matches."]
    assert opened.count() == "0 found, 60 in all"
    opened.box.get_by_label("Search").fill("")
    assert opened.count() == "60 in all, first 25 shown"


@in_browser
@pytest.mark.browser
def test_significant_only_and_search_together(opened, seed):
    data = table(seed)
    opened.box.get_by_label("Significant only").check()

    assert sorted(opened.column(0)) == sorted(data["feature"][data["significant"]])
    assert opened.count() == f"{N_SIGNIFICANT} found, 60 in all"
    opened.box.get_by_label("Search").fill("gene_31")
    assert opened.column(0) == ["gene_31"]
    assert opened.box.locator("tbody td.flag").all_text_contents() == ["yes"]


@in_browser
@pytest.mark.browser
def test_rows_are_shown_as_asked(opened):
    assert len(opened.column(0)) == 25
    opened.box.get_by_role("button", name="Show 35 more").press("Enter")
    assert len(opened.column(0)) == 60
    assert opened.count() == "60 in all"
    assert opened.box.get_by_role("button", name="Show").count() == 0
    assert opened.page.evaluate("document.activeElement.className") == "scroll"


@in_browser
@pytest.mark.browser
def test_a_long_table_is_shown_in_parts(browser, run):
    pd.DataFrame({"feature": range(2001), "effect": 0.5}).to_csv(run / "significance.csv", index=False)
    opened = Opened(browser, build(run))
    buttons = opened.box.locator(".more").get_by_role("button")
    offered = buttons.all_inner_texts()
    buttons.first.click()
    shown = opened.count()
    opened.box.get_by_label("Search").fill("9")
    narrowed = buttons.all_inner_texts()
    opened.context.close()

    assert offered == ["Show 100 more"]
    assert shown == "2001 in all, first 125 shown"
    assert narrowed == ["Show 100 more", "Show all 542"]


@in_browser
@pytest.mark.browser
def test_feature_tables_round_as_the_rest_of_the_page_does(browser, run, seed):
    random = np.random.default_rng(seed)
    values = [*random.normal(size=40) * 10.0 ** random.integers(-12, 9, 40), 0.0, 1.0, 99.96, 9.996e-4, 999999.7, -2e-3]
    pd.DataFrame({"feature": range(len(values)), "value": values}).to_csv(run / "significance.csv", index=False)
    opened = Opened(browser, build(run))
    opened.box.get_by_role("button", name="Show all").click()
    shown = opened.box.locator("tbody td").all_text_contents()
    opened.context.close()

    assert shown == [number(value, digits=3) for value in values]


@in_browser
@pytest.mark.browser
def test_a_figure_is_enlarged_and_closed_by_keyboard(opened):
    button = opened.page.get_by_role("button", name="Enlarge Figure 1")
    dialog = opened.page.get_by_role("dialog")
    assert dialog.count() == 0
    button.focus()
    opened.page.keyboard.press("Enter")
    assert dialog.locator("img").get_attribute("alt") == PAGE["sections"][0]["figures"][0]["alt"]
    assert dialog.locator("img").evaluate("image => image.naturalWidth") == 300
    assert dialog.get_by_role("button", name="Close").evaluate("button => button === document.activeElement")
    opened.page.keyboard.press("Escape")
    assert dialog.count() == 0
    assert button.evaluate("button => button === document.activeElement")
    opened.page.keyboard.press("Space")
    dialog.get_by_role("button", name="Close").press("Enter")
    assert dialog.count() == 0


@in_browser
@pytest.mark.browser
@pytest.mark.parametrize("width", [380, 800, 1280])
def test_the_page_never_scrolls_sideways(browser, run, width):
    wide = pd.read_csv(run / "significance.csv").assign(**{f"a_rather_long_name_{i}": 1.5 for i in range(20)})
    wide.loc[0, "feature"] = "unbroken" * 40
    wide.to_csv(run / "significance.csv", index=False)
    summary = SUMMARY | {"hash": "0123456789abcdef" * 12, "k" * 100: {"k" * 100: {"deep": "x" * 200}}}
    (run / "summary.json").write_text(json.dumps(summary))
    opened = Opened(browser, build(run), width)
    opened.page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    widths = opened.page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    scrolls = opened.box.locator(".scroll").evaluate("part => part.scrollWidth > part.clientWidth")
    opened.context.close()

    assert widths[0] == widths[1]
    assert scrolls


@in_browser
@pytest.mark.browser
def test_printing_opens_everything_and_drops_the_controls(opened):
    opened.page.emulate_media(media="print")
    opened.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert opened.page.locator("details:not([open])").count() == 0
    assert not opened.page.get_by_label("Search").is_visible()
    assert not opened.page.locator("nav").is_visible()
    assert opened.count() == "60 in all, first 25 shown"
    opened.page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert opened.page.locator("details:not([open])").count() == 2


@in_browser
@pytest.mark.browser
def test_everything_is_named_and_reached(opened):
    links = opened.page.locator("nav a").evaluate_all("links => links.map((link) => link.hash.slice(1))")
    unnamed = "all => all.filter((e) => !(e.textContent.trim() || e.ariaLabel || e.labels?.length)).length"

    assert links == ["section-1", "reading", "limits", "numbers", "settings"]
    assert all(opened.page.locator(f"#{link}").count() == 1 for link in links)
    assert opened.page.locator("button, input").evaluate_all(unnamed) == 0
    assert opened.page.locator("table:not(:has(> caption))").count() == 0
    opened.page.keyboard.press("Tab")
    opened.page.keyboard.press("Enter")
    assert opened.page.evaluate("document.activeElement.id") == "content"
