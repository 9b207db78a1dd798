"""docs/troubleshooting.md: each message that it quotes stands in the source."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/troubleshooting.md").read_text()
VARIES = "\0"
QUOTED = re.findall(r"^### `(.+)`$", PAGE, re.M)


def flat(node):
    """The text of a string, or of an f-string with ``VARIES`` for what is put in."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else VARIES
    return "".join(map(flat, node.values)) if isinstance(node, ast.JoinedStr) else VARIES


def texts():
    files = [file for name in ("bsam_suite", "tasks") for file in (ROOT / name).rglob("*.py")]
    for file in files:
        tree = ast.parse(file.read_text())
        documented = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and isinstance(node.body[0], ast.Expr)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr | ast.Constant) and id(node) not in documented:
                text = flat(node)
                if len(text) > 15:
                    yield text


def test_each_message_is_one_of_the_source():
    assert len(QUOTED) > 40
    known = [*texts()]
    for quoted in QUOTED:
        # Where the page has an ellipsis the message has a value, and words of its own around it.
        pattern = ".*?".join(map(re.escape, quoted.split("…")))
        found = [text for text in known if re.search(pattern, text, re.DOTALL)]
        assert found, quoted
        varies = any(VARIES in text or "…" not in quoted for text in found)
        assert varies, f"{quoted}: nothing varies there"


def test_entries_say_what_to_do():
    for entry in re.split(r"^### .*$", PAGE, flags=re.M)[1:]:
        assert len(entry.split("\n## ")[0].split()) >= 5 or "nn.Embedding" in entry, entry
