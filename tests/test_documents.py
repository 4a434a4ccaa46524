"""Does every link of the README and of docs/ lead somewhere, has every file of docs/ one that leads to it, and do its settings hold?"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from limbfix.ledger.refunds import RefundPolicy
from limbfix.policies import Policy, PromptRule
from limbfix.serve_settings import ServeSettings
from limbfix.settings import load_settings

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / name for name in ("README.md", "DESIGN.md", "CONTRIBUTING.md")] + sorted(ROOT.glob("docs/**/*.md"))
LINK = re.compile(r"(?<!`)!?\[[^\]]*\]\(([^)\s]+)\)")


def _prose(document: Path) -> str:
    """The text without code, in which brackets are no links."""
    text = re.sub(r"^```.*?^```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"`[^`\n]*`(?!\])", "", text)


def _anchors(document: Path) -> set[str]:
    """As GitHub makes them of headings: small letters, no signs, hyphens for blanks."""
    titles = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(document):
    dead = []
    for link in LINK.findall(_prose(document)):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = (document.parent / name).resolve() if name else document
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            dead.append(link)
    assert dead == []


def test_every_page_is_reached_from_the_readme():
    linked = {(ROOT / link.partition("#")[0]).resolve() for link in LINK.findall(_prose(ROOT / "README.md"))}
    assert [page.name for page in sorted(ROOT.glob("docs/*.md")) if page.resolve() not in linked] == []


def _toml(page: str, parse_float: Callable[[str], Any] = float) -> dict[str, Any]:
    """The first block of TOML of a page."""
    found = re.search(
        r"^```toml\n(.*?)^```", (ROOT / "docs" / page).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    assert found, page
    return tomllib.loads(found[1], parse_float=parse_float)


def test_the_page_of_the_policy_shows_every_key_and_is_one():
    shown = _toml("policy.md")
    policy = Policy(**shown)
    assert set(shown) == set(Policy.model_fields)
    same = set(shown) - {"name", "ignore", "allow", "rules"}
    assert {key: getattr(policy, key) for key in same} == {key: getattr(Policy(), key) for key in same}
    assert {key for rule in shown["rules"] for key in rule} <= set(PromptRule.model_fields)


def test_the_page_of_the_server_shows_every_limit_with_its_default():
    shown = _toml("service.md")
    assert shown["serve"] | {"keys_file": None} == ServeSettings().model_dump()
    usual = load_settings({})
    assert (shown["jobs"], shown["timeout"]) == (usual.jobs, usual.timeout)


def test_the_page_of_refunds_shows_a_policy_of_refunds():
    policy = RefundPolicy(**_toml("refunds.md", parse_float=str))
    assert (len(policy.rules), set(policy.attempt_cost)) == (2, {"EUR"})
