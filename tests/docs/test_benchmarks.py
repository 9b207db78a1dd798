"""docs/benchmarks.md: one command measures its figures anew, and leaves all else as it is."""

import importlib
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SMALL = """# Title

```bash
python -c "print('| a |'); print('| --- |'); print('| 1 |')"
python -c "import os; print('two', os.environ['N'])"
```

<!-- figures -->
old
<!-- end of figures -->

Words.

```bash
python -c "raise SystemExit(3)"
```

<!-- figures -->
kept
<!-- end of figures -->

```bash
python -c "print('/path/to/coco')"
```

<!-- figures -->
kept, too
<!-- end of figures -->
"""


@pytest.fixture
def page(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    monkeypatch.setenv("N", "2")
    return importlib.import_module("page")


def test_figures_are_measured_anew(page, tmp_path, monkeypatch, capsys):
    (tmp_path / "small.md").write_text(SMALL)
    monkeypatch.setattr(sys, "argv", ["page.py", str(tmp_path / "small.md")])
    page.main()
    printed, told = capsys.readouterr()
    assert "old" not in printed and "kept\n" in printed and "kept, too" in printed
    assert "status 3" in told and "--coco is not given" in told
    new = re.search(r"<!-- figures -->\n\*(.+)\*\n\n(.*?)\n<!-- end", printed, re.S)
    assert "PyTorch" in new[1]
    assert new[2] == "| a |\n| --- |\n| 1 |\n\n```text\ntwo 2\n```"
    start, end = SMALL.split("old")
    assert printed.startswith(start) and printed.endswith(end)
    monkeypatch.setattr(sys, "argv", [*sys.argv, "--coco", "/some/coco"])
    page.main()
    assert "```text\n/some/coco\n```" in capsys.readouterr().out


def test_each_part_of_the_page_is_one(page):
    text = (ROOT / "docs/benchmarks.md").read_text()
    assert len(page.PART.findall(text)) == text.count("<!-- figures -->") == 5
