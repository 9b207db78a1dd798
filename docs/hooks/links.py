"""Links as they read in the repository, for the site.

``[config.py](../bsam_suite/engine/config.py)`` leads to the file in the repository, and in the site
to a page that shows it, so that it works offline. ``[training.md](training.md)`` gets the title of
the page. A link to a file that does not exist stays as it is, and MkDocs reports it.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

NAMED = re.compile(r"\[[\w/]+\.md\](?=\(([\w/.]+\.md)(?:#[\w-]+)?\))")
LINK = re.compile(r"(\]\()(\.\./[^)#\s]+)(\))")
LANGUAGES = {".py": "python", ".sh": "bash", ".toml": "toml"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each source file that a page links to."""
    root, docs = Path(config.config_file_path).parent, Path(config.docs_dir)
    for page in [file for file in files if file.is_documentation_page()]:
        text = (docs / page.src_uri).read_text()
        for _, target, _ in LINK.findall(text):
            path = _in_repository(page.src_uri, target)
            uri = _uri(path)
            if path and (root / path).is_file() and uri not in files.src_uris:
                content = _page(path, (root / path).read_text())
                files.append(
                    File.generated(
                        config, uri, content=content, inclusion=InclusionLevel.NOT_IN_NAV
                    )
                )
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links to source files to their pages, and name pages by their titles."""
    here = posixpath.dirname(page.file.src_uri)

    def name(match: re.Match) -> str:
        file = files.get_file_from_path(posixpath.normpath(posixpath.join(here, match[1])))
        return f"[{file.page.title}]" if file and file.page else match[0]

    def lead(match: re.Match) -> str:
        uri = _uri(_in_repository(page.file.src_uri, match[2]))
        if uri not in files.src_uris:
            return match[0]
        return f"{match[1]}{posixpath.relpath(uri, here or '.')}{match[3]}"

    return LINK.sub(lead, NAMED.sub(name, markdown))


def _in_repository(page: str, target: str) -> str:
    """The path in the repository of a link's target; empty if it is inside the documentation."""
    path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), target))
    return "" if path.startswith(("docs/", "..")) else path


def _uri(path: str) -> str:
    return f"source/{path}.md"


def _page(path: str, text: str) -> str:
    fence, language = "`" * 6, LANGUAGES.get(Path(path).suffix, "text")
    head = f"---\ntitle: {path}\nsearch:\n  exclude: true\n---\n\n# `{path}`\n\n"
    return f"{head}{fence}{language}\n{text}\n{fence}\n"
