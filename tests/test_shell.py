"""What is said of shell scripts is what a real shell does, and is said in time."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from textwrap import dedent

import pytest

from lint.document import parse
from lint.job import Job
from lint.rule import Bad
from lint.rules.exit_status_hidden import RULE
from lint.shell import script_of, statements

BASH = shutil.which("bash") or ""
COMMANDS = "migrate seed psql pg_isready pg_dump mysqldump mysql gzip tee aws curl notify python load".split()


def status(text: str, options: str, failing: str, folder: Path) -> int:
    """Run a script in which one command fails, and return how it ends."""
    for name in COMMANDS:
        (folder / name).write_text(f"#!{BASH}\nexit {int(name == failing)}\n")
        (folder / name).chmod(0o755)
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    order = [BASH, *options.split(), text.replace("/backup/", f"{folder}/")]
    return subprocess.run(order, env={"PATH": path}, capture_output=True, check=False, timeout=20).returncode


@pytest.mark.skipif(not BASH, reason="there is no bash")
@pytest.mark.parametrize("example", RULE.bad, ids=map(str, range(len(RULE.bad))))
def test_bash_hides_the_failure_until_it_is_told_what_the_message_says(example: Bad, tmp_path: Path) -> None:
    job = Job(parse(dedent(example.text)).value)
    (finding,) = RULE.check(job, None)
    work = re.match(r"a failure of (\S+) is", finding.message)
    mend = re.search(r"write (set .*) first", finding.message)
    script = next(found for one in job.all_containers() if (found := script_of(one)))
    text = str(script.word.value)

    assert work
    assert script.word.path == finding.path
    assert status(text, script.options, work[1], tmp_path) == 0
    if mend:
        assert status(f"{mend[1]}\n{text}", script.options, work[1], tmp_path) != 0
        assert status(f"{mend[1]}\n{text}", script.options, "", tmp_path) == 0


@pytest.mark.parametrize(
    "text",
    [
        "a'" * 20_000,
        '"# "# ' * 20_000,
        '"\\"' * 20_000,
        "<<E\n" * 20_000,
        "echo $(" * 20_000,
        "a=1 " * 20_000,
        "a | b\n" * 20_000,
        "x|" + "\n" * 100_000,
        "<<" + " " * 100_000,
        "do " * 20_000,
        "".join(f"a <<E{number}\nE{number}\n" for number in range(10_000)),
        "a && " * 20_000,
    ],
    ids=lambda text: text[:6],
)
def test_a_script_takes_time_in_proportion_to_its_length(text: str) -> None:
    for script in (f"{text}\nmigrate up\necho done", f"migrate up; {text}"):
        container = {"command": ["sh", "-c", script]}

        list(RULE.check(Job({"spec": {"template": {"spec": {"containers": [container]}}}}), None))


def test_quotes_substitutions_comments_and_here_documents_are_no_commands() -> None:
    text = "a 'x; y' \"$(b \"c;d\" | e)\" # it's; f\ncat <<'E' | g\nh; i\nE\nj \\\n k ||\n l; m 2>&1"

    found = statements(text)

    assert found is not None
    assert [one.pipelines for one in found] == [
        ((("a", "_", "_"),),),
        ((("cat", "_"), ("g",)),),
        ((("j", "k"),), (("l",),)),
        ((("m", "2>&1"),),),
    ]
    assert [one.operators for one in found] == [(), (), ("||",), ()]


def test_a_compound_command_is_one_statement() -> None:
    found = statements("for x in 1 2; do\n  if a; then b; fi\ndone < c\n{ d; e; }\n(f; g)\nh")

    assert found is not None
    assert [one.compound for one in found] == [True, True, True, False]


@pytest.mark.parametrize(
    "text",
    ["f() { a; }\nf", "case $x in a) b;; esac", "a &\nb", "a 'b", "if a; then b", "a && ; b", "a <<E"],
)
def test_what_cannot_be_followed_is_not(text: str) -> None:
    assert statements(text) is None
