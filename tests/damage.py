"""What disks, mail and editors do to files, and the law of all that read them: a sound value, or a line of refusal."""

from __future__ import annotations

import gzip
import io
import json
import logging
import os
import re
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

TIMES = int(os.environ.get("EIGRAD_FUZZ", "1"))  # so many times the examples
ALLOWED, AT_MOST = 2**28, 2**32  # bytes that reading a small file may take, and beyond which it is stopped
WORDS = (
    b"", b"0", b"-1", b"0.5", b"7", b"2.5e-3", b"nan", b"NaN", b"inf", b"-Infinity", b"1e999", b"1e30", b"9" * 30,
    b"1000000000", b"5000000000", b"-9223372036854775809", b"null", b"true", b"[1]", b"{", b'"', b"'", b"`", b"\\",
    b"\0", b"\xff\xfe", b"\xc3\x9f", b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"\n", b"\r", b"\r\n", b"\t", b",", b";", b":",
    b"-", b"+", b"#", b">", b" ", b"x" * 300, b"[" * 3000, b"nan,nan", b"<script>",
)  # fmt: skip
NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?", re.IGNORECASE)
CELL = re.compile(rb"[^\t\n\r,;:\"{}\[\] ]+")

Pieces = Mapping[str, bytes]


@st.composite
def damaged(draw: st.DrawFn, pieces: Pieces) -> dict[str, bytes]:
    """The pieces of a file, one or two of them changed once or more."""
    found = dict(pieces)
    for _ in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from(sorted(found)))
        found[name] = draw(st.sampled_from(HOW))(draw, found[name])
    return found


def _place(draw: st.DrawFn, content: bytes) -> int:
    return draw(st.integers(0, len(content)))


def _cut(draw: st.DrawFn, content: bytes) -> bytes:
    return content[: _place(draw, content)]


def _dropped(draw: st.DrawFn, content: bytes) -> bytes:
    start = _place(draw, content)
    return content[:start] + content[start + draw(st.integers(1, 40)) :]


def _flipped(draw: st.DrawFn, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(draw(st.integers(1, 4)) if content else 0):
        changed[draw(st.integers(0, len(content) - 1))] ^= 1 << draw(st.integers(0, 7))
    return bytes(changed)


def _inserted(draw: st.DrawFn, content: bytes) -> bytes:
    at = _place(draw, content)
    return content[:at] + draw(st.sampled_from(WORDS)) + content[at:]


def _written_over(draw: st.DrawFn, content: bytes) -> bytes:
    at, word = _place(draw, content), draw(st.sampled_from(WORDS))
    return content[:at] + word + content[at + len(word) :]


def _lines(draw: st.DrawFn, content: bytes) -> bytes:
    """A line twice, or not at all, or all of them with other ends."""
    lines = content.splitlines(keepends=True)
    at, how = draw(st.integers(0, max(0, len(lines) - 1))), draw(st.integers(0, 2))
    if how == 2:
        return content.replace(b"\n", b"\r\n")
    return b"".join([*lines[:at], *lines[at : at + 1] * (2 * how), *lines[at + 1 :]])


def _replaced(pattern: re.Pattern[bytes]) -> Callable[[st.DrawFn, bytes], bytes]:
    def replaced(draw: st.DrawFn, content: bytes) -> bytes:
        found = list(pattern.finditer(content))
        if not found:
            return content
        match = draw(st.sampled_from(found))
        return content[: match.start()] + draw(st.sampled_from(WORDS)) + content[match.end() :]

    return replaced


def _swapped(draw: st.DrawFn, content: bytes) -> bytes:
    found = list(CELL.finditer(content))
    if len(found) < 2:
        return content
    i, j = sorted((draw(st.integers(0, len(found) - 1)), draw(st.integers(0, len(found) - 1))))
    one, two = found[i], found[j]
    if i == j:
        return content
    return content[: one.start()] + two[0] + content[one.end() : two.start()] + one[0] + content[two.end() :]


def _marked(draw: st.DrawFn, content: bytes) -> bytes:
    return draw(st.sampled_from([b"\xef\xbb\xbf", b"\x1f\x8b", b"PK\x03\x04", b"\x80\x04"])) + content


def _emptied(draw: st.DrawFn, content: bytes) -> bytes:
    return b""


_ANY_NUMBER, _ANY_CELL = _replaced(NUMBER), _replaced(CELL)
HOW = (
    _ANY_NUMBER, _ANY_NUMBER, _ANY_CELL, _ANY_CELL, _flipped, _inserted, _cut, _dropped, _written_over, _lines,
    _swapped, _marked, _emptied,
)  # fmt: skip

# from pieces to files


def as_files(folder: Path, pieces: Pieces) -> Path:
    """A file for each piece; the first of them, or the folder where there are several, is what is read."""
    for name, content in pieces.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder / next(iter(pieces)) if len(pieces) == 1 else folder


def as_first(folder: Path, pieces: Pieces) -> Path:
    """A file for each piece, the first of which is read."""
    as_files(folder, pieces)
    return folder / next(iter(pieces))


def as_gzip(folder: Path, pieces: Pieces) -> Path:
    """A gzipped file whose content is damaged, not its wrapping."""
    ((name, content),) = pieces.items()
    return as_files(folder, {f"{name}.gz": gzip.compress(content, 1)})


def as_zip(name: str) -> Callable[[Path, Pieces], Path]:
    """An archive that is whole, of members that are not."""

    def write(folder: Path, pieces: Pieces) -> Path:
        with zipfile.ZipFile(folder / name, "w") as archive:
            for member, content in pieces.items():
                archive.writestr(member, content)
        return folder / name

    return write


def members(content: bytes) -> dict[str, bytes]:
    """The members of an archive."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def as_safetensors(name: str) -> Callable[[Path, Pieces], Path]:
    """Safetensors whose header says its own length, whatever it holds."""

    def write(folder: Path, pieces: Pieces) -> Path:
        head = pieces["header"]
        return as_files(folder, {name: len(head).to_bytes(8, "little") + head + pieces["data"]})

    return write


def header_and_data(content: bytes) -> dict[str, bytes]:
    """The pieces of safetensors; its configuration as it can be edited."""
    end = 8 + int.from_bytes(content[:8], "little")
    return {"header": content[8:end].rstrip(), "data": content[end:]}


def of_folder(folder: Path) -> dict[str, bytes]:
    """The files in a folder by their names in it."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def as_json(content: Any) -> bytes:
    return json.dumps(content).encode()


# the law


@dataclass(frozen=True)
class Specimen:
    """A file that is whole, in pieces; how it is written and read, and what its value must be, `sound` asserting it.

    `named` are the words one of which a refusal must hold, by default the name of what is read.
    """

    pieces: Pieces
    read: Callable[[Path], Any]
    sound: Callable[[Any], None]
    write: Callable[[Path, Pieces], Path] = as_files
    named: tuple[str, ...] = ()
    examples: int = 40

    def obeys_the_law(self, folder: Path) -> None:
        """Whole it is read, and damaged it is read or refused."""
        assert self.is_read(folder, self.pieces), "the whole file is refused"

        @settings(
            max_examples=TIMES * self.examples, deadline=None, derandomize=True, database=None,
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(damaged(self.pieces))
        def law(pieces: dict[str, bytes]) -> None:
            self.is_read(folder, pieces)

        law()

    def is_read(self, folder: Path, pieces: Pieces) -> bool:
        """Whether it is read, to a sound value; all but a refusal in one line is a failure."""
        with tempfile.TemporaryDirectory(dir=folder) as place:
            path = self.write(Path(place), pieces)
            with bounded(), warnings.catch_warnings(record=True) as warned:
                warnings.simplefilter("always")
                warnings.filterwarnings("ignore", "The inplace keyword in DataFrame", DeprecationWarning)  # bioframe's
                try:
                    self.sound(self.read(path))
                    refused = None
                except ValueError as error:
                    refused = str(error)
            assert not warned, [str(each.message) for each in warned]
            if refused is None:
                return True
            assert "\n" not in refused, refused
            assert "\r" not in refused, refused
            assert any(name in refused for name in self.named or (path.name,)), refused
            return False


@contextmanager
def bounded() -> Iterator[None]:
    """A block that must not take memory for sizes that a file only declares."""
    if not sys.platform.startswith("linux"):
        yield
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    resource.setrlimit(resource.RLIMIT_AS, (taken + AT_MOST, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert 1024 * (after - before) < ALLOWED, f"reading took {(after - before) >> 10} MiB"


class Kinds(dict[str, Callable[[Path], Specimen]]):
    """Specimens by the name of what makes them in a folder: a decorator that remembers."""

    def __call__(self, make: Callable[[Path], Specimen]) -> Callable[[Path], Specimen]:
        self[make.__name__] = make
        return make

    def tried(self, kind: str, folder: Path) -> None:
        """Damage one of them again and again, and see that it is read or refused as it should be."""
        for name in ("made", "damaged"):
            (folder / name).mkdir()
        logging.disable(logging.WARNING)  # what is damaged is said often
        try:
            self[kind](folder / "made").obeys_the_law(folder / "damaged")
        finally:
            logging.disable(logging.NOTSET)
