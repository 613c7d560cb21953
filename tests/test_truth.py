"""The page of known truth says what its table says."""

import itertools

import pandas as pd
import pytest
from benchmarks import truth

VARIANTS = ("plain", "proxies", "interactions")


@pytest.fixture
def means():
    rows = [
        {"variant": variant, "network": network, "method": method, "order": order}
        for variant, network, method, order in itertools.product(
            VARIANTS, ("sparse", "paper"), ("EIG close", "Deep SHAP"), ("magnitude", "t")
        )
    ]
    rows += [{"variant": variant, "network": "none", "method": "L1 logistic", "order": "score"} for variant in VARIANTS]
    table = pd.DataFrame(rows)
    number = table.index.to_numpy() / len(table)
    for name in ("average_precision", "average_precision_sd", "average_precision_no_proxies", "precision_at_20"):
        table[name] = 0.5 + number / 2
    table = table.assign(precision_at_50=0.2, n_significant=7.0, precision=0.91, recall=0.5, auc=0.8)
    table.loc[table["network"] == "none", ["n_significant", "precision", "recall"]] = float("nan")
    return table.assign(wins=range(len(table)), data_sets=6)


def cell(means, variant, network, method, order):
    at = (means.variant == variant) & (means.network == network) & (means.method == method) & (means.order == order)
    return means.average_precision[at].item()


def test_every_method_stands_in_the_order_its_network_is_read_in(means):
    rows = list(truth.rows_of(means, "proxies"))
    assert len(rows) == 2 * 2 + 1
    for row, (network, name, order) in zip(
        rows[:4],
        [(n, m, o) for n, o in (("sparse", "magnitude"), ("paper", "t")) for m in ("EIG close", "Deep SHAP")],
        strict=True,
    ):
        assert row.startswith(f"| {truth.NAMES[network]} | {name} | {cell(means, 'proxies', network, name, order):.3f}")
    assert rows[4].startswith("| none | L1 logistic |")
    assert "|  |  |  | 0.80 |" in rows[4]  # no set, and still an area under the curve


def test_what_is_promised_is_compared_with_what_was_found(means):
    lines = list(truth.promised(means))
    plain = cell(means, "plain", "sparse", "EIG close", "magnitude")
    assert f"| sparse, EIG close, plain: AP | {plain:.3f} | 0.95 | **no** |" in lines
    ratio = plain / cell(means, "plain", "sparse", "Deep SHAP", "magnitude")
    assert (
        f"| sparse, plain: EIG close over Deep SHAP | {ratio:.3f} | 0.97 | {'yes' if ratio >= 0.97 else '**no**'} |"
        in lines
    )
    assert "| sparse, EIG close, proxies: precision of the set | 0.910 | 0.9 | yes |" in lines
    assert len(lines) == 3 + 1 + len(VARIANTS) + 2 * 2


def test_the_page_has_a_table_for_every_world(means):
    text = truth.page(means)
    assert [line for line in text.splitlines() if line.startswith("### ")] == [f"### {name}" for name in VARIANTS]
    assert "{{" not in text
