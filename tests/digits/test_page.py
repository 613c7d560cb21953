"""What the page says."""

from pathlib import Path

import pytest
from tests.digits.runs import settings

from eigrad.cases.digits import sections

# What networks trained for a second give to a five is far from what they give to digits in general.
pytestmark = pytest.mark.filterwarnings("ignore::eigrad.significance.SignificanceWarning")


@pytest.mark.parametrize(
    ("random", "sentence"),
    [
        ((0.5, 0.7, 0.6), "For no digit do as many random pixels do better"),
        ((0.5, 0.9, 0.6), "For 4 as many random pixels did better"),
        ((0.9, 0.9, 0.9), "For 0, 4 and 7 as many random pixels did better"),
    ],
)
def test_the_page_says_where_significant_pixels_trail_random_ones(random, sentence, data):
    rows = [
        {"digit": digit, "accuracy_significant": 0.8, "accuracy_random": value}
        for digit, value in zip((0, 4, 7), random, strict=True)
    ]
    text = " ".join(sections.worth(settings(Path("nowhere"), data), {"binary": rows})["text"])
    assert sentence in text
