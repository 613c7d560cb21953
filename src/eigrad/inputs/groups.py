"""Which features are one: a table of features and the groups they are summed in."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from eigrad.inputs.samples import read_table

logger = logging.getLogger(__name__)

COLUMNS = ("feature", "group")


def read_groups(path: Path, names: Sequence[str]) -> tuple[str, ...]:
    """A group for each of the features `names`, from a table with the columns feature and group.

    Features that the table does not name are groups of their own, and those of it that are not there are left out.
    ValueError where a feature has two groups, none is there, or a group is called as a feature outside it.
    """
    table = read_table(path)
    if missing := [column for column in COLUMNS if column not in table]:
        raise ValueError(f"{path}: has no column {missing[0]!r}, expected the columns {' and '.join(COLUMNS)}")
    rows = table.loc[:, list(COLUMNS)]
    if rows.isna().any(axis=None):
        row = int(rows.isna().any(axis=1).to_numpy().argmax())
        raise ValueError(f"{path}: row {row + 1} is not filled, expected a feature and its group")
    rows = rows.astype(str).drop_duplicates()
    if (twice := rows["feature"].duplicated()).any():
        feature = rows.loc[twice, "feature"].iloc[0]
        raise ValueError(f"{path}: {feature!r} is in several groups, expected one for each feature")
    group = dict(zip(rows["feature"], rows["group"], strict=True))
    there = [name for name in names if name in group]
    if not there:
        raise ValueError(f"{path}: names none of the {len(names)} features, such as {names[0]!r}, expected some")
    alone, taken = set(names) - set(there), {group[name] for name in there}
    if both := sorted(alone & taken):
        raise ValueError(f"{path}: {both[0]!r} is a group and a feature outside it, expected another name")
    if len(there) < len(group):
        logger.info("%s: %d of %d features are not in the data", path, len(group) - len(there), len(group))
    return tuple(group.get(name, name) for name in names)
