"""Which samples: a condition in words over what is said of them."""

from __future__ import annotations

import keyword
import re
import warnings
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eigrad.data import one_line

NOT_WORDS = re.compile(r"@|__|\.\s*[A-Za-z_]|\*")  # other variables, methods, products and powers without an end
QUOTED = re.compile(r"""('[^']*'|"[^"]*"|`[^`]*`)""")
OPERATORS = {"and", "or", "not", "in", "True", "False", "None", "is"}


def chosen(about: pd.DataFrame, query: str, what: str) -> NDArray[np.int64]:
    """The places of the samples for which a query holds, such as "tissue == 'liver' and psi > 0.5".

    It is pandas' language of comparisons, `and`, `or`, `not` and `in`, without methods, products or variables of the
    program. ValueError where it cannot be understood, names what is not there, or holds for no sample.
    """
    columns = ", ".join(str(name) for name in about.columns[:12]) or "none: give --labels"
    if NOT_WORDS.search(re.sub(r"'[^']*'|\"[^\"]*\"|\d+\.\d*", "", query)):
        raise ValueError(f"{what}: got {query!r}, expected comparisons of columns ({columns}) alone")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of how it is written
            holds: Any = about.eval(_quoted(query, about), engine="python")
        if not isinstance(holds, pd.Series) or not pd.api.types.is_bool_dtype(holds):
            raise ValueError("it is not true or false of every sample")
        places = np.flatnonzero(holds.fillna(False).to_numpy(bool))
    except Exception as error:  # what a query's parser raises is many things
        raise ValueError(f"{what}: got {query!r} ({one_line(error)}), expected a condition over {columns}") from None
    if len(places) == 0:
        raise ValueError(f"{what}: {query!r} holds for none of {len(about)} samples, expected some")
    return places


def _quoted(query: str, about: pd.DataFrame) -> str:
    """The query with columns that are called as words of Python are, such as class, in backticks."""
    words = [str(name) for name in about.columns if keyword.iskeyword(str(name)) and str(name) not in OPERATORS]
    if not words:
        return query
    bare = re.compile(rf"\b({'|'.join(words)})\b")
    return "".join(part if i % 2 else bare.sub(r"`\1`", part) for i, part in enumerate(QUOTED.split(query)))
