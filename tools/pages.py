"""Puts the pages of the site together, for mkdocs: `python tools/pages.py FOLDER`; see `make docs`.

They come from docs/, from files of the repository that are pages of their own, and from the rules: on the
site each rule has its page, where the repository has one file with all of them. Links between files become
links between pages, and the name of a rule becomes one to its page.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from posixpath import dirname, join, normpath, relpath

from lint.reference import contents, section
from lint.rules import RULES

ROOT = Path(__file__).parents[1]
REFERENCE = "lint/rules/README.md"
PAGES = {
    REFERENCE: "rules/index.md",
    "README.md": "index.md",
    "manifests/README.md": "manifests.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
"""Files outside of docs/, and the pages that links to them lead to."""

_CODE = re.compile(r"(^```.*?^```$|^ {4}[^\n]*$)", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s#:]+)(#[^)\s]*)?\)")
_RULE = re.compile(rf"(?<!\[)`({'|'.join(rule.id for rule in RULES)})`(?!\])")


def main() -> None:
    """Write all pages."""
    for page, text in pages():
        path = Path(sys.argv[1], page)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def pages() -> Iterator[tuple[str, str]]:
    """Iterate over the names and texts of all pages, and of their style."""
    yield "site.css", (ROOT / "docs/site.css").read_text()
    for path in sorted((ROOT / "docs").glob("*.md")):
        yield path.name, mended(path.read_text(), path.name, f"docs/{path.name}")
    for file, page in PAGES.items():
        if page not in ("index.md", "rules/index.md"):
            yield page, mended((ROOT / file).read_text(), page, file)
    yield "rules/index.md", f"---\nhide: [toc]\n---\n\n# Rules\n\n{contents('{}.md')}\n"
    for rule in RULES:
        page = f"rules/{rule.id}.md"
        yield page, mended(section(rule).removeprefix("#"), page, page)


def mended(text: str, page: str, file: str) -> str:
    """Mend the links of a page that comes from a file."""

    def link(match: re.Match[str]) -> str:
        target = normpath(join(dirname(file), match[1]))
        anchor = match[2] or ""
        if target == REFERENCE and anchor:
            return f"]({_to(f'rules/{anchor[1:]}.md', page)})"
        return f"]({_to(PAGES.get(target, target.removeprefix('docs/')), page)}{anchor})"

    def rule(match: re.Match[str]) -> str:
        target = f"rules/{match[1]}.md"
        return match[0] if target == page else f"[{match[0]}]({_to(target, page)})"

    parts = _CODE.split(text)
    parts[::2] = [_RULE.sub(rule, _LINK.sub(link, part)) for part in parts[::2]]
    return "".join(parts)


def _to(target: str, page: str) -> str:
    """Return the way from one page to another."""
    return relpath(target, dirname(page) or ".")


if __name__ == "__main__":
    main()
