"""The pages lead to one another: each link to a file of this repository finds it, and the heading in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("roles/*/README.md")]


def headings(page: Path) -> set[str]:
    """As GitHub and GitLab make them: small letters, blanks as hyphens, no punctuation."""
    titles = re.findall(r"(?m)^#+ (.+)$", page.read_text())
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\((?!\w+://)([^)]+)\)", page.read_text()):
        file, _hash, heading = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), link
        assert not heading or heading in headings(target), link


def test_the_readme_leads_to_every_page() -> None:
    assert {f"docs/{page.name}" for page in ROOT.glob("docs/*.md")} <= set(re.findall(r"\]\(([^)#]+)", (ROOT / "README.md").read_text()))
