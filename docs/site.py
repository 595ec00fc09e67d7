"""What mkdocs does with the pages of the repository (mkdocs.yml): nothing, but find them.

The site has the layout of the repository, so that a link leads to the same thing in both. Its navigation is
made of the headings and the tables of docs/README.md.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"\]\(([^)#\s]+)[^)\s]*\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """The navigation: the headings of the index, and below each the pages of its table."""
    index = (ROOT / "docs" / "README.md").read_text()
    config.nav = [{"Home": "README.md"}, {"All guides": "docs/README.md"}]
    for section in index.split("\n## ")[1:]:
        rows = re.findall(r"^\| \[([^\]]+)\]\(([^)#]+)\)", section, re.MULTILINE)
        pages: list[Any] = [{title: resolved("docs/README.md", target)} for title, target in rows]
        if pages:
            config.nav.append({section.partition("\n")[0]: pages})
    operators = sorted((ROOT / "docs" / "operators").glob("*.md"))
    families = [f"docs/operators/{page.name}" for page in operators]
    config.nav.append({"Operators": ["docs/operators.md", *families]})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The files of docs/ where the repository has them, and those elsewhere that they lead to."""
    for file in [file for file in files if file.src_dir == config.docs_dir]:
        files.remove(file)
        files.append(_file(f"docs/{file.src_uri}", config))
    waiting = ["README.md", *(file.src_uri for file in files.documentation_pages())]
    while waiting:
        page = waiting.pop()
        if page not in files.src_uris and (ROOT / page).is_file():
            files.append(_file(page, config))
        if page.endswith(".md"):
            linked = {resolved(page, to) for to in LINK.findall((ROOT / page).read_text()) if "://" not in to}
            waiting += [to for to in linked if to not in files.src_uris and (ROOT / to).is_file()]
    return files


def resolved(page: str, target: str) -> str:
    """Where a link of a page leads, as a path in the repository."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(page), target))


def _file(path: str, config: MkDocsConfig) -> File:
    return File(path, str(ROOT), config.site_dir, config.use_directory_urls)
