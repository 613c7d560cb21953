"""What it takes from nothing to a page: install anew, and run the first blocks of the tutorial of tables.

    python -m benchmarks.stranger --out runs/stranger

Reading is counted at 200 words a minute: the tutorial up to the page, and the README up to its example.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
TUTORIAL = ROOT / "docs" / "tutorials" / "tabular.md"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.S | re.M)
WORDS_A_MINUTE = 200


def read_until_the_page() -> tuple[str, int]:
    """The code of the tutorial's first two blocks, which end in a page, and the number of words up to there."""
    text = TUTORIAL.read_text(encoding="utf-8")
    first, second = list(BLOCK.finditer(text))[:2]
    readme = (ROOT / "README.md").read_text(encoding="utf-8").partition("```python")[0]
    return first[1] + second[1], len((readme + text[: second.end()]).split())


def seconds(*command: str | Path, cwd: Path) -> float:
    start = time.perf_counter()
    subprocess.run([str(word) for word in command], cwd=cwd, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/stranger"))
    out: Path = parser.parse_args().out.resolve()
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    code, n_words = read_until_the_page()
    (out / "tumors.py").write_text(code, encoding="utf-8")
    python = out / ".venv" / "bin" / "python"
    made = seconds(sys.executable, "-m", "venv", ".venv", cwd=out)
    installed = seconds(python, "-m", "pip", "install", "-qq", "-c", ROOT / "constraints.txt", ROOT, cwd=out)
    ran = seconds(python, "tumors.py", cwd=out)
    page = out / "tumors" / "report.html"
    reading = 60 * n_words / WORDS_A_MINUTE
    print(
        f"environment {made:.0f} s, install {installed:.0f} s, run {ran:.0f} s, reading {n_words} words {reading:.0f} s"
    )
    print(f"from nothing to {page}: {(made + installed + ran + reading) / 60:.1f} minutes")


if __name__ == "__main__":
    main()
