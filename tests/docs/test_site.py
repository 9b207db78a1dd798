"""The site: every page is in it, all its links lead somewhere, and it needs no network."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def test_every_page_is_in_the_navigation():
    nav = re.search(r"^nav:\n(.*?)^\S", (ROOT / "mkdocs.yml").read_text(), re.M | re.S)[1]
    listed = re.findall(r": (\S+\.md)$", nav, re.M)
    pages = [str(file.relative_to(DOCS)) for file in DOCS.rglob("*.md")]
    assert sorted(listed) == sorted(pages)


class Page(HTMLParser):
    """The anchors of a page, what it links to, and what it loads."""

    def __init__(self, file):
        super().__init__()
        self.anchors, self.links, self.loads = set(), [], []
        self.feed(file.read_text())

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.anchors |= {values.get("id"), values.get("name")}
        leads = tag == "a" or values.get("rel") in ("canonical", "next", "prev")
        if leads and values.get("href"):
            self.links.append(values["href"])
        else:
            self.loads += [values[name] for name in ("src", "href") if values.get(name)]


@pytest.mark.slow
def test_the_site_opens_offline_without_a_dead_link(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    site = {file: Page(file) for file in tmp_path.rglob("*.html")}
    del site[tmp_path / "404.html"]  # for servers, whose root is not known
    assert len(site) > 40
    for file, page in site.items():
        for link in page.links + page.loads:
            parts = urlsplit(link)
            if link not in page.loads and parts.scheme in ("http", "https"):
                continue
            assert not parts.scheme and not parts.netloc, f"{file.name} loads {link}"
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            assert target.is_file(), f"{file.name}: {link}"
            if parts.fragment and target in site:
                assert unquote(parts.fragment) in site[target].anchors, f"{file.name}: {link}"
    # Of a source file that a page links to, and of a name that a docstring mentions.
    assert tmp_path / "source/bsam_suite/engine/config.py.html" in site
    mentioned = "sharpness.html#bsam_suite.sharpness.BSAM"
    assert mentioned in site[tmp_path / "api/optim.html"].links
    assert (tmp_path / "search/search_index.js").is_file()
    for style in tmp_path.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(https?:)?//", style.read_text()), style
