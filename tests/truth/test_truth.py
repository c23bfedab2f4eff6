"""What we foretell of Jobs and CronJobs is what real API servers say of them.

`make truth N=10000` compares more objects, and prints the smallest ones on which we differ. Each such object
becomes a file of tests/cases/truth, to which `pytest --rewrite` adds the verdicts.
"""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

import cases
import pytest
from asking import WORDS_FROM, Asker, Finding
from comparing import Disagreement, compared, of_ours
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from lint.validation.server import rejected_update, rejection

if TYPE_CHECKING:
    from apiserver import ApiServer

pytest_plugins = ["apiserver"]

SEEDS = st.integers(0, 2**64).map(str)
"""An object is as good as its seed: there is nothing to shrink."""

EXAMPLES = settings(
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="session")
def asker(every_apiserver: "ApiServer") -> Asker:
    """Ask the server of each minor."""
    return Asker(every_apiserver)


def agree(asker: Asker, findings: Iterable[Finding]) -> None:
    """Fail with what the server says and we do not, or the other way round."""
    for found in list(findings):  # all of them first: what is stored is deleted then
        small = asker.smallest(found)
        pytest.fail(f"{told(small.disagreement)}\n{json.dumps(small)}", pytrace=False)


def told(one: Disagreement) -> str:
    return f"{one.about}: the server {one.server}\nwe {one.ours}"


@settings(EXAMPLES, max_examples=1000)
@given(seed=SEEDS)
def test_a_random_object_has_the_verdict_of_the_server(asker: Asker, seed: str) -> None:
    agree(asker, asker.about_new([seed]))


@settings(EXAMPLES, max_examples=40)
@given(seed=SEEDS)
def test_a_random_update_has_the_verdict_of_the_server(asker: Asker, seed: str) -> None:
    agree(asker, asker.about_updates([seed]))


@pytest.mark.parametrize("name", cases.names())
def test_a_case_has_the_verdict_of_the_server(
    every_apiserver: "ApiServer", name: str, pytestconfig: pytest.Config
) -> None:
    case, minor = cases.load(name), f"1.{every_apiserver.minor}"
    said = cases.ask(every_apiserver, case)
    if pytestconfig.getoption("rewrite"):
        case.setdefault("verdicts", {})[minor] = cases.written(said)
        cases.save(name, case)

    assert cases.verdict(case["verdicts"][minor]) == said


@pytest.mark.parametrize("name", cases.names())
def test_a_case_has_its_verdict_without_a_server(name: str) -> None:
    case = cases.load(name)
    tree = case.get("object") or case["new"]
    for version, stored in case["verdicts"].items():
        minor = int(version.partition(".")[2])
        ours = rejection(tree, minor) if "object" in case else rejected_update(case["old"], tree, minor)

        differences = compared(cases.verdict(stored), of_ours(ours, tree), words=minor >= WORDS_FROM)
        assert [told(one) for one in differences] == []
