"""Where nodes lie on a curve: parts shared out by length, nodes at their ends, blocks of them that fit in a batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from eigrad.curves import above_rounding


@dataclass(frozen=True)
class Nodes:
    """For every pair's nodes 0, 1, ...: segment, offset in it, and the number of the segment's parts.

    `parts` counts a pair's parts; with `closed` rules there is one node more, at the end of the last part. A pair that
    has fewer nodes than others repeats its last; `real` tells which are not repeated.
    """

    segment: Int[Tensor, "pairs nodes"]
    offset: Int[Tensor, "pairs nodes"]
    within: Int[Tensor, "pairs nodes"]
    real: Bool[Tensor, "pairs nodes"]
    parts: Int[Tensor, "pairs 1"]

    @classmethod
    def of(cls, counts: Int[Tensor, "pairs segments"], *, closed: bool) -> Nodes:
        """Nodes for segments that are cut into these counts of parts, at the start of every part."""
        ends = counts.cumsum(1)
        parts = ends[:, -1:]
        node = torch.arange(int(parts.max()) + closed, device=counts.device).expand(len(counts), -1)
        last = node.clamp(max=parts - 1)
        segment = torch.searchsorted(ends, last.contiguous(), right=True)
        offset = last - (ends - counts).gather(1, segment)
        within = counts.gather(1, segment)
        if closed:
            offset = torch.where(node >= parts, within, offset)
        return cls(segment, offset, within, node < parts + closed, parts)

    @property
    def shape(self) -> torch.Size:
        return self.segment.shape


def spread(values: Float[Tensor, "pairs nodes"], segment: Int[Tensor, "pairs nodes"], n: int) -> Tensor:
    """A node's value in the row of its segment: (pairs, segments, nodes)."""
    rows = values.new_zeros(len(values), n, values.shape[1])
    return rows.scatter_(1, segment[:, None], values[:, None])


def blocks(
    n_pairs: int, n_nodes: int, batch_size: int, overlap: int, device: torch.device
) -> Iterator[tuple[Tensor, int, int]]:
    """Whole pairs together while their nodes fit in a batch, else a part of one pair's nodes at a time.

    Nodes from `first` to `last` are meant; `overlap` more after them find room in the batch as well.
    """
    together = max(1, batch_size // n_nodes)
    step = n_nodes if n_nodes <= batch_size else max(1, batch_size - overlap)
    for pairs in torch.arange(n_pairs, device=device).split(together):
        for first in range(0, n_nodes, step):
            yield pairs, first, min(n_nodes, first + step)


def share(lengths: Float[Tensor, "pairs segments"], n: int) -> Int[Tensor, "pairs segments"]:
    """Cut segments into n parts in all so that the longest part is as short as possible.

    Parts come in twos, so that every segment can be halved; one left over goes where parts are longest. Segments of no
    length get none, every other one at least two, even where that makes more than n.
    """
    used = above_rounding(lengths)
    used[:, 0] |= ~used.any(1)  # a curve of no length: one segment holds its nodes
    total = torch.clamp(used.sum(1), min=n // 2)
    # Rounding up at this rate cannot give too many, and leaves at most one a segment to hand out.
    rate = (total - used.sum(1)) / lengths.sum(1).clamp(min=torch.finfo(lengths.dtype).tiny)
    counts = torch.where(used, torch.ceil(lengths * rate[:, None]).long().clamp(min=1), 0)
    while len(short := torch.nonzero(counts.sum(1) < total).squeeze(1)):
        counts[short, _longest_part(lengths, counts)[short]] += 1
    counts *= 2
    if n % 2:
        odd = torch.nonzero(total == n // 2).squeeze(1)
        counts[odd, _longest_part(lengths, counts)[odd]] += 1
    return counts


def _longest_part(lengths: Tensor, counts: Tensor) -> Tensor:
    return torch.where(counts > 0, lengths / counts.clamp(min=1), -1.0).argmax(1)
