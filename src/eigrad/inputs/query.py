"""Which samples: a condition in words over what is said of them."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
from numpy.typing import NDArray

NOT_WORDS = re.compile(r"@|__|\.\s*[A-Za-z_]")  # other variables, and methods: a query compares columns


def chosen(about: pd.DataFrame, query: str, what: str) -> NDArray[np.int64]:
    """The places of the samples for which a query holds, such as "tissue == 'liver' and psi > 0.5".

    It is pandas' language of comparisons, `and`, `or`, `not` and `in`, without methods or variables of the program.
    ValueError where it cannot be understood, names what is not there, or holds for no sample.
    """
    columns = ", ".join(str(name) for name in about.columns[:12]) or "none: give --labels"
    if NOT_WORDS.search(re.sub(r"'[^']*'|\"[^\"]*\"|\d+\.\d*", "", query)):
        raise ValueError(f"{what}: got {query!r}, expected comparisons of columns ({columns}) alone")
    try:
        found = about.query(query, engine="python")
    except Exception as error:  # what a query's parser raises is many things
        reason = " ".join(str(error).split())[:160]
        raise ValueError(f"{what}: got {query!r} ({reason}), expected a condition over {columns}") from None
    places = pd.Series(np.arange(len(about)), index=about.index)[found.index].to_numpy(np.int64)
    if len(places) == 0:
        raise ValueError(f"{what}: {query!r} holds for none of {len(about)} samples, expected some")
    return places
