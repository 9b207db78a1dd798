"""docs/find_rho.md: its Python block runs as it stands there."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "find_rho.md"


def test_the_page_works(capsys):
    names = {}
    exec(re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)[1], names)
    found = names["found"]
    assert capsys.readouterr().out == f"{found.rho} {found.stuck}\n"
    assert found.share(found.trains) >= 0.3 > found.share(found.stuck)
