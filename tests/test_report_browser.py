"""The page of a run in a browser: it renders, sorts, searches, prints, and asks for nothing."""

import itertools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.runs import (
    HOSTILE,
    N_FEATURES,
    N_SAMPLED,
    N_SIGNIFICANT,
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
from eigrad.report.show import number

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
        "WBR",
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
def test_a_table_may_begin_by_the_size_of_another_column(browser, run, seed):
    tables = [{"file": "significance.csv", "title": "t", "kind": "features", "sort": "mean_attribution"}]
    change_page(run, tables=tables)
    opened = Opened(browser, build(run))
    values = table(seed)["mean_attribution"]
    first = [*map(float, opened.column(1))]
    said = opened.box.locator("th[aria-sort='descending']").text_content()
    opened.sort("effect")
    opened.sort("mean_attribution")
    opened.sort("mean_attribution")
    again = [*map(float, opened.column(1))]
    opened.context.close()

    assert first == values.loc[values.abs().sort_values(ascending=False).index].head(25).tolist()
    assert min(first) < 0 < max(first)
    assert said == "mean_attribution"
    assert again == values.sort_values(ascending=False).head(25).tolist()


@in_browser
@pytest.mark.browser
def test_names_are_broken_behind_colons_and_underscores_alone(browser, run):
    names = ["downstream_intron_start:conservation", "exon_acceptor:strength", "<b>:</b>"]
    wide = pd.DataFrame({"feature": names, "effect": [3, 2, 1]} | {f"number_{i}": 1.5 for i in range(30)})
    wide.to_csv(run / "significance.csv", index=False)
    opened = Opened(browser, build(run), 1200)
    heads = opened.box.locator("tbody th")
    parts = heads.evaluate_all("heads => heads.map((head) => [...head.childNodes].map((n) => n.data ?? n.tagName))")
    lines = heads.evaluate_all(
        """heads => heads.map((head) => [...head.childNodes].filter((n) => n.data).map((n) => {
            const range = document.createRange();
            range.selectNodeContents(n);
            return range.getClientRects().length;
        }))"""
    )
    opened.context.close()

    assert ["".join(part for part in each if part != "WBR") for each in parts] == names
    assert parts[1] == ["exon_", "WBR", "acceptor:", "WBR", "strength"]
    assert {n for each in lines for n in each} == {1}  # no part is on two lines


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


@pytest.fixture
def spread(browser, run, seed) -> Iterator[tuple[Opened, dict[str, np.ndarray]]]:
    sets = add_spread(run, table(seed), seed)
    it = Opened(browser, build(run))
    it.box.locator("tbody svg").first.wait_for()
    yield it, sets
    it.context.close()


def shown(value: float) -> str:
    """A number as the page's script shows it, which has four digits of it."""
    return number(float(f"{value:.4g}"), digits=3)


TEXTS = "heads => heads.map((head) => head.textContent)"


@in_browser
@pytest.mark.browser
def test_the_attributions_of_shown_rows_are_drawn_and_said(spread, run, seed):
    opened, sets = spread
    pictures = opened.box.locator("tbody").get_by_role("img")
    names = table(seed)["feature"].tolist()
    rows = [names.index(name) for name in opened.box.locator("tbody th").evaluate_all(TEXTS)]

    def medians(row: int) -> str:
        return ", ".join(f"{name} median {shown(np.median(sets[name][:, row]))}" for name, *_ in SETS)

    assert pictures.count() == len(rows) == 25
    assert [picture.get_attribute("aria-label") for picture in pictures.all()] == [medians(row) for row in rows]
    lines = pictures.first.locator("line.whisker, line.median").evaluate_all(
        "lines => lines.map((line) => [line.x1.baseVal.valueInSpecifiedUnits, line.x2.baseVal.valueInSpecifiedUnits])"
    )
    quantiles = np.array([np.percentile(sets[name], (5, 25, 50, 75, 95), axis=0) for name, *_ in SETS])
    low, high = min(0, quantiles.min()), max(0, quantiles.max())
    places = 2 + 96 * (quantiles[:, :, rows[0]] - low) / (high - low)
    expected = [pair for p5, _, p50, _, p95 in places for pair in ([p5, p95], [p50, p50])]
    np.testing.assert_allclose(lines, expected, atol=0.05)
    opened.box.get_by_role("button", name="Show 35 more").click()
    assert pictures.count() == N_FEATURES
    assert opened.said == []
    asked = [url for url in opened.requests if not url.startswith("data:")]
    assert asked == [(run / "report.html").resolve().as_uri()]


@in_browser
@pytest.mark.browser
def test_a_name_opens_its_samples_by_keyboard_and_they_stay_open(spread):
    opened, sets = spread
    opened.box.get_by_label("Search").fill("gene_10")
    button = opened.box.get_by_role("button", name="gene_10")
    detail = opened.box.locator("tr.detail")
    assert button.get_attribute("aria-expanded") == "false"
    button.press("Enter")
    assert button.get_attribute("aria-expanded") == "true"
    assert button.get_attribute("aria-controls") == detail.get_attribute("id")
    assert button.evaluate("button => button === document.activeElement")
    for name, _, n in SETS:
        values = sets[name][:, 10]
        largest = np.argsort(-np.abs(values))[:5]
        named = ", ".join(f"{7 * i} ({shown(values[i])})" for i in largest)
        assert f"Largest of {name}, sample (attribution): {named}" in detail.locator("p").all_text_contents()
        assert detail.locator(f"circle.of-{name}").count() == n
    opened.sort("effect")
    opened.box.get_by_label("Search").fill("gene")
    assert detail.count() == 1
    assert detail.evaluate("row => row.previousElementSibling.cells[0].textContent") == "gene_10"
    button.press("Space")
    assert detail.count() == 0
    assert button.get_attribute("aria-expanded") == "false"


@in_browser
@pytest.mark.browser
def test_hostile_names_stay_text_where_their_samples_are_shown(spread):
    opened, _ = spread
    opened.box.get_by_role("button", name="Show all").click()
    opened.sort("effect")  # back to the order of the file
    buttons = opened.box.locator("tbody th button")
    for button in buttons.all():
        button.click()

    names = opened.box.locator("tbody th").evaluate_all(TEXTS)
    assert names[: len(HOSTILE)] == list(HOSTILE)
    assert buttons.count() == opened.box.locator("tr.detail").count() == N_SAMPLED
    labels = opened.box.locator("tr.detail").get_by_role("img").evaluate_all("all => all.map((e) => e.ariaLabel)")
    assert [label.startswith(f"Attributions of {name} from ") for label, name in zip(labels, names, strict=False)]
    tags = opened.box.locator("tbody *").evaluate_all("all => [...new Set(all.map((e) => e.tagName))].sort()")
    assert tags == sorted(
        ["TR", "TD", "TH", "BUTTON", "WBR", "SPAN", "I", "DIV", "P", "svg", "line", "rect", "circle", "text", "title"]
    )
    assert opened.said == []


@in_browser
@pytest.mark.browser
@pytest.mark.parametrize("width", [400, 1000])
def test_samples_fit_the_window(browser, run, seed, width):
    add_spread(run, table(seed), seed)
    samples = pd.read_csv(run / "samples.csv").set_index("feature") / 10
    samples = samples.clip(lower=-0.0654, upper=0.3)  # zero is near the label of the left end
    samples.assign(**{"class 0": 0.3}).to_csv(run / "samples.csv")
    opened = Opened(browser, build(run), width)
    opened.box.locator("tbody th button").first.click()
    words = opened.box.locator("tr.detail text").evaluate_all(
        "all => all.map((e) => e.getBoundingClientRect()).map(({ x, y, right, bottom }) => [x, y, right, bottom])"
    )
    inside = opened.box.locator("tr.detail").evaluate(
        "row => row.querySelector('div').getBoundingClientRect().right <= document.documentElement.clientWidth"
    )
    widths = opened.page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    opened.box.get_by_label("Search").fill("no such feature")
    span = opened.box.locator("tbody td").get_attribute("colspan")
    opened.context.close()

    assert inside
    for (x, y, right, bottom), (left, top, end, foot) in itertools.combinations(words, 2):
        assert right < left or end < x or bottom < top or foot < y
    assert widths[0] == widths[1]
    assert span == "7"
