"""docs/benchmarks.md: one command measures its figures anew, and leaves all else as it is."""

import re
import subprocess
import sys
from pathlib import Path

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


def measure(page, *options):
    command = [sys.executable, str(ROOT / "benchmarks/page.py"), str(page), *options]
    done = subprocess.run(command, capture_output=True, text=True, env={"N": "2"})
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def test_figures_are_measured_anew(tmp_path):
    (tmp_path / "page.md").write_text(SMALL)
    printed, told = measure(tmp_path / "page.md")
    assert "old" not in printed and "kept\n" in printed and "kept, too" in printed
    assert "status 3" in told and "--coco is not given" in told
    new = re.search(r"<!-- figures -->\n\*(.+)\*\n\n(.*?)\n<!-- end", printed, re.S)
    assert "PyTorch" in new[1]
    assert new[2] == "| a |\n| --- |\n| 1 |\n\n```text\ntwo 2\n```"
    start, end = SMALL.split("old")
    assert printed.startswith(start) and printed.endswith(end)
    printed, _ = measure(tmp_path / "page.md", "--coco", "/some/coco")
    assert "```text\n/some/coco\n```" in printed


def test_each_part_of_the_page_is_one():
    page = (ROOT / "docs/benchmarks.md").read_text()
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        from page import PART
    finally:
        sys.path.pop(0)
    assert len(PART.findall(page)) == page.count("<!-- figures -->") == 5
