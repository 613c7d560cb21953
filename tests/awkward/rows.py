"""Where the axis of the rows goes inside the model, and models whose rows are not told apart."""

import torch
from tests.awkward.case import HIDDEN, OUTPUTS, SHAPE, case
from torch import nn
from torch.nn import functional as F

L, C = SHAPE


def by_step():
    return {"first": nn.Linear(C, HIDDEN), "last": nn.Linear(L * HIDDEN, OUTPUTS)}


def head(m, x):
    return m.last(F.relu(m.first(x.flatten(1))))


def time_first(m, x):
    z = F.relu(m.first(x.transpose(0, 1)))  # (L, rows, hidden)
    return m.last(z.transpose(0, 1).flatten(1))


def folded_rows_first(m, x):
    return m.last(F.relu(m.first(x.reshape(-1, C))).reshape(len(x), -1))


def folded_time_first(m, x):
    z = F.relu(m.first(x.transpose(0, 1).reshape(-1, C)))
    return m.last(z.view(L, len(x), HIDDEN).transpose(0, 1).flatten(1))


def rows_last(m, x):
    z = F.relu(torch.einsum("hi,in->hn", m.first.weight, x.flatten(1).permute(1, 0)))
    return m.last(z.T)


def one_long_vector(m, x):
    return m.last(F.leaky_relu(m.first(x.flatten(1)).flatten(), 0.1).view(len(x), -1))


def both_signs_as_rows(m, x):
    plus, minus = F.relu(m.first(torch.cat([x, -x]).flatten(1))).chunk(2)
    return m.last(plus - 0.3 * minus)


def repeated_rows(m, x):
    twice = x.repeat_interleave(2, 0).flatten(1) + m.shift.repeat(len(x), 1)
    return m.last(F.relu(m.first(twice)).view(len(x), 2, -1).amax(1))


def reordered_rows(m, x):
    order = torch.arange(len(x)).flip(0)
    return m.last(F.relu(m.first(x[order].flatten(1)))[order])


def reordered_rows_kept(m, x):
    return m.last(F.relu(m.first(x.flip(0).flatten(1)))).flip(0)


def one_row_at_a_time(m, x):
    return torch.stack([m.last(F.relu(m.first(row.flatten()))) for row in x])


def three_rows_at_a_time(m, x):
    return torch.cat([head(m, part) for part in x.split(3)])


def own_number_of_steps(m, x):
    steps = (x.sum((1, 2)) > 0).int() + 1
    z = m.first(x.flatten(1))
    for i in range(2):
        z = torch.where((steps > i)[:, None], F.relu(m.inner(z)) - 0.5, z)
    return m.last(z)


def branch_of_the_whole_batch(m, x):
    return head(m, x) if bool(x.sum() > 0) else 2 * head(m, 1 - x)


def branch_by_row(m, x):
    return torch.cat([head(m, row) if bool(row.sum() > 0) else 2 * head(m, 1 - row) for row in x[:, None]])


def branch_by_where(m, x):
    return torch.where((x.sum((1, 2)) > 0)[:, None], head(m, x), 2 * head(m, 1 - x))


def rows_picked_by_value(m, x):
    """A mixture of experts: each row goes to one of two layers, in groups."""
    to_first = x[:, 0].sum(1) > 0
    z = torch.empty(len(x), HIDDEN, dtype=x.dtype)
    z[to_first] = F.relu(m.first(x[to_first].flatten(1)))
    z[~to_first] = F.relu(m.other(x[~to_first].flatten(1)))
    return m.last(z)


def padded_to_sixteen(m, x):
    """Rows are evaluated in blocks of sixteen, the last one filled with zeros."""
    padded = F.pad(x.flatten(1), (0, 0, 0, -len(x) % 16))
    return m.last(F.relu(m.first(padded)))[: len(x)]


CASES = [
    case("the time axis first", time_first, by_step),
    case("time folded into the rows", folded_rows_first, by_step),
    case("rows folded into the time", folded_time_first, by_step),
    case("the row axis last", rows_last),
    case("all rows one long vector", one_long_vector),
    case("both signs as rows", both_signs_as_rows),
    case("every row repeated", repeated_rows, lambda: {"shift": torch.randn(2, L * C)}),
    case("rows reordered inside", reordered_rows),
    case("rows reordered from end to end", reordered_rows_kept),
    case("one row at a time", one_row_at_a_time, instead=head),
    case("three rows at a time", three_rows_at_a_time, instead=head),
    case("rows padded to sixteen", padded_to_sixteen),
    case(
        "vmap inside", lambda m, x: torch.vmap(lambda row: m.last(torch.tanh(m.first(row.flatten()))))(x), nodes=3_000
    ),
    case("a number of steps for each row", own_number_of_steps, lambda: {"inner": nn.Linear(HIDDEN, HIDDEN)}),
    case("a branch for each row", branch_by_row, instead=branch_by_where),
    case("a layer for each row", rows_picked_by_value, lambda: {"other": nn.Linear(L * C, HIDDEN)}),
    case(
        "a branch for the whole batch",
        branch_of_the_whole_batch,
        may_refuse=r"\brows?\b|batch",
        instead=branch_by_where,
    ),
    case(
        "an activation of the weights",
        lambda m, x: F.relu(x.flatten(1) @ F.softplus(m.first.weight).T - 3) @ F.relu(m.last.weight).T,
        target=2,
    ),
    case(
        "an activation that gains an axis",
        lambda m, x: m.last(F.relu(m.first(x.flatten(1))[:, None] - m.knots).sum(1)),
        lambda: {"knots": torch.arange(3.0).view(3, 1)},
    ),
]
