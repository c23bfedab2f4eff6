"""Objects that we once judged otherwise than the servers, with what those say of them.

A case is a file of tests/cases/truth: `object`, or `old` and `new` for an update, and `verdicts` by minor.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from comparing import Said, Verdict, asked, asked_to_update
from schema import Tree
from updating import carried_over, stored, unstored

if TYPE_CHECKING:
    from apiserver import ApiServer

FOLDER = Path(__file__).parents[1] / "cases" / "truth"


def names() -> list[str]:
    """Name all cases."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def load(name: str) -> Tree:
    """Read a case."""
    case: Tree = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    return case


def save(name: str, case: Tree) -> None:
    """Write a case."""
    FOLDER.mkdir(exist_ok=True)
    text = json.dumps(case, indent=2, ensure_ascii=False)
    (FOLDER / f"{name}.json").write_text(f"{text}\n", "utf-8")


def verdict(stored: dict[str, Any]) -> Verdict:
    """Read a verdict as it is in a case."""
    causes = tuple(Said(*cause) for cause in stored.get("causes", ()))
    return Verdict(stored["code"], causes, stored.get("message", ""))


def written(said: Verdict) -> dict[str, Any]:
    """Write a verdict as it is in a case."""
    return {key: value for key, value in said._asdict().items() if value or key == "code"}


def ask(server: "ApiServer", case: Tree) -> Verdict:
    """Ask a server about a case; an object of an update is stored once more, with another uid."""
    if "object" in case:
        return asked(server, case["object"])
    with stored(server, unstored(case["old"]), case["old"].get("status", {})) as live:
        assert live, f"1.{server.minor} does not store the old object"
        return asked_to_update(server, live, carried_over(case["new"], case["old"], live))
