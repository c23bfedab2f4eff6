"""A script fails when its work fails.

A container ends with the status of its script, and a script with that of its last command. Where this is
`echo done`, the Job is Complete although the migration before it failed: nothing is tried again, no alert
fires, and what waits for the Job goes on. With `set -e` a script ends at the first command that fails.

A pipeline has the status of its last command: `pg_dump ... | gzip > backup.gz` writes an empty backup when
the database is away, and is content, under `set -e` as well. With `set -o pipefail` it fails. bash and zsh
have it, and the `sh` of Alpine and busybox; that of Debian and Ubuntu may end there with an error. `||` hides
a failure as well, where what follows it cannot fail.

Found is only what the text makes certain: scripts after `sh -c` whose last command cannot fail, and dumps and
logs that are piped into something which takes whatever comes. Spared are scripts that look at a status
themselves (`$?`, `trap`, `wait`, conditions and tests), commands that may well fail, such as those that
delete or create what may be gone or there, and scripts with functions. `true` at the end says that a failure
is meant to be passed over, and is only noted.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from lint.job import Job, is_sidecar
from lint.rule import Bad, Class, Finding, Good, Rule, Severity
from lint.view import View

if TYPE_CHECKING:
    from lint.shell import Command, Statement

_DUMPS = ("pg_dump", "pg_dumpall", "mysqldump", "mariadb-dump", "mongodump", "tar")
_LOADS = ("psql", "mysql", "mariadb", "aws", "gsutil", "rclone")
"""What takes an empty dump, or a part of one."""

_TAKES_ALL = ("tee", "gzip", "pigz", "bzip2", "xz", "zstd", "openssl", "gpg", "age", "split")
_SUCCEEDS = ("echo", "printf", "true", ":", "date", "sleep", "touch", "exit 0")
_ASIDE = (
    "cd export mkdir rm ls cat df du env id pwd whoami hostname uname set grep find ps chmod chown kill "
    "pkill nc ping nslookup dig which local umask sync head tail wc sort stat tree unset ulimit shopt git "
    "nvidia-smi createdb dropdb seq yes ip mount free top exit xargs tee _"
).split()
"""What is seldom the work."""

_MAY_FAIL = (
    "delete uninstall remove destroy drop stop rm rb create mb add get describe log logs status list show "
    "info ping config login version --version -v -version --help cluster-info"
).split()
"""What a command is told that may fail where nothing is wrong, or changes nothing."""

_TESTS = ("[", "[[", "test", "let", "grep", "egrep", "diff", "cmp")
_DECIDES = ("trap", "exec", "wait", "eval", "source", ".", "return")
_LOOKS = r"\$\?|PIPESTATUS|\{\{|\bset \+"
_MEANT = ("true", ":")
_SIGNALS = ("touch", "pkill", "curl", "wget")
"""What another container may wait for: it has to come also after a failure."""

_SAYS_SO = r"(?i)already|exist|skip|ignor|optional|continu|fatal|warn|\bno\b|\bnot\b|nothing"


def check(job: Job, _params: None) -> Iterator[Finding]:
    for container in job.all_containers():
        program = container.at("command", 0).as_str()
        if program and program[-2:] == "sh" and not is_sidecar(container):
            yield from _hidden(container)


def _hidden(container: View) -> Iterator[Finding]:
    """Find what the script of a container hides."""
    from lint.shell import script_of, statements  # of no use where there are no scripts

    script = script_of(container)
    text = script.word.as_str() if script else None
    if script is None or not text or not re.search(r"[;|\n]", text.strip()) or re.search(_LOOKS, text):
        return
    found = statements(text)
    if not found or any(command[0] in _DECIDES for one in found for command in _commands(one)):
        return
    errexit, end = _errexit(script.options, found), _end(found)
    bare = not found[-1].operators
    if "pipefail" not in text + script.options and end not in _SIGNALS and (piped := _piped(found)):
        mend = f"write set {'-o' if errexit else '-eo'} pipefail first, which bash and Alpine's sh know"
        yield _finding(script.word, *piped, mend)
    elif not errexit and (passed := _passed(found, text)):
        what = f"the {end if bare else f'|| {end}'} after it"
        mend = "write status=$? after it, exit $status last" if end in _SIGNALS else "write set -e first"
        yield _finding(script.word, passed, what, mend, meant=bare and end in _MEANT)
    elif excused := _excused(found, text, errexit=errexit):
        yield _finding(script.word, excused, f"|| {end}", "leave that out", meant=end in _MEANT)


def _finding(word: View, work: str, what: str, mend: str, *, meant: bool = False) -> Finding:
    message = f"a failure of {work} is hidden by {what}, and the container succeeds: {mend}"
    return Finding(word.path, message, severity=Severity.INFO if meant else None)


def _commands(statement: "Statement") -> "Iterator[Command]":
    for pipeline in statement.pipelines:
        yield from pipeline


def _end(found: "list[Statement]") -> str:
    """Return what a script ends with, if that is one command, and not one to fail or to wait for ever."""
    pipeline = found[-1].pipelines[-1]
    name, *words = pipeline[0] if len(pipeline) == 1 else ("",)
    if name == "exit":
        return " ".join((name, *words))
    return "" if name == "sleep" and not all(map(str.isdigit, words)) else name


def _errexit(options: str, found: "list[Statement]") -> bool:
    """Tell whether the shell ends when a command fails, at some time at least."""
    orders = [" ".join(command) for one in found for command in _commands(one) if command[0] == "set"]
    return any(re.search(r"(?:^| )-[a-zA-Z]*e|errexit", order) for order in (options, *orders))


def _is_work(command: "Command") -> bool:
    """Tell whether a command is there to do something, and does not fail where nothing is wrong."""
    if not re.fullmatch(r"[\w./-]+", command[0]) or command[0] in (*_SUCCEEDS, *_ASIDE, *_TESTS):
        return False
    return not any(word.lower() in _MAY_FAIL for word in command[1:4])


def _tests(statement: "Statement") -> bool:
    """Tell whether a statement may look at what the others have done."""
    last = [pipeline[-1] for pipeline in statement.pipelines]
    return statement.compound or any(
        command[0] in _TESTS or (command[0] == "exit" and command[1:] != ("0",)) for command in last
    )


def _piped(found: "list[Statement]") -> tuple[str, str] | None:
    """Return a command whose failure is hidden by one that it is piped into, and that one."""
    for statement in reversed(found):
        if _tests(statement):
            return None
        heeded = statement.pipelines if statement is found[-1] else statement.pipelines[-1:]
        for first, *_, last in (one for one in heeded if len(one) > 1):
            taken = last[0] in _TAKES_ALL or (first[0] in _DUMPS and last[0] in _LOADS)
            if taken and _is_work(first) and "||" not in statement.operators:
                return first[0], last[0]
    return None


def _passed(found: "list[Statement]", text: str) -> str:
    """Return the last command whose failure the script passes over, where its end always succeeds."""
    ends: tuple[str, ...] = _SUCCEEDS
    if "quitquitquit" in text:  # what a proxy answers says nothing of the work
        ends += ("curl", "wget")
    if _end(found) not in ends or found[-1].compound or found[-1].operators[-1:] == ("&&",):
        return ""
    for statement in reversed(found[:-1]):
        if _tests(statement) or "||" in statement.operators:
            return ""
        work = statement.pipelines[-1][-1]  # set -e heeds no other
        if _is_work(work) and work[0] not in ends:
            return work[0]
    return ""


def _excused(found: "list[Statement]", text: str, *, errexit: bool) -> str:
    """Return the command after which `||` makes the end of the script succeed, if that is all of the work."""
    *before, last = found
    if _tests(last) or last.operators.count("||") != 1 or last.operators[-1] != "||":
        return ""
    if _end(found) not in _SUCCEEDS or re.search(_SAYS_SO, text.rpartition("||")[2]):
        return ""
    if errexit and any(one.compound or any(map(_is_work, _commands(one))) for one in before):
        return ""
    first = last.pipelines[0][-1]
    return first[0] if _is_work(first) else ""


_JOB = """\
apiVersion: batch/v1
kind: Job
metadata:
  name: migrate
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: migrate
          image: migrate:2.3
          command: [{}]
          args:
            - |
              {}
"""


def _job(*lines: str, run: str = "bash, -c") -> str:
    return _JOB.format(run, "\n              ".join(lines))


RULE = Rule(
    id="exit-status-hidden",
    doc=__doc__,
    severity=Severity.WARNING,
    class_=Class.PRACTICE,
    params=None,
    check=check,
    good=(
        Good(_job("set -eu", "migrate up", "echo done")),
        Good(_job("migrate up", "echo done", run="bash, -ec")),
        Good(_job("migrate up", "echo done", run="bash, -o, errexit, -c")),
        Good(_job("migrate up && echo done")),
        Good(_job("echo start", "migrate up  # echo done")),
        Good(_job("migrate up", "echo $?", "true")),
        Good(_job("if ! migrate up; then exit 1; fi", "echo done")),
        Good(_job("migrate up || exit 1", "echo done")),
        Good(_job("migrate up && echo up", "echo done")),  # set -e would not help
        Good(_job("migrate up", "[ -f /tmp/done ] || exit 1", "echo done")),
        Good(_job("migrate up | tee /tmp/log", "grep -q done /tmp/log")),
        Good(_job("trap 'exit 1' ERR", "migrate up", "echo done")),
        Good(_job("up() { migrate up || exit 1; }", "up", "echo done")),
        Good(_job("until pg_isready; do sleep 1; done", "echo ready")),
        Good(_job("migrate status", "createdb shop", "echo 'migrate up; done'", "date")),
        Good(_job("migrate serve", "sleep infinity")),
        Good(_job("set -e", "migrate up", "notify done || true")),
        Good(_job("seed || echo 'there already, nothing to do'")),
        Good(_job("set -eo pipefail", "pg_dump shop | gzip > /backup/shop.gz")),
        Good(_job("pg_dump shop | gzip > /backup/shop.gz", run="bash, -o, pipefail, -c")),
        Good(_job("pg_dump shop | psql -v ON_ERROR_STOP=1 copy", "exit ${PIPESTATUS[0]}")),
        Good(_job("set -e", "helm template . | kubectl apply -f -")),
        Good(_job("migrate up", "echo done", run="migrate")),
        Good(_job("migrate up || migrate up --again || echo failed")),
        Good(_job("migrate up; cat <<EOF")),  # no shell would follow it
    ),
    bad=(
        Bad(_job("migrate up", "echo done")),
        Bad(_job("migrate up; exit 0", run="/bin/sh, -c")),
        Bad(_job("until pg_isready; do sleep 1; done", "psql <<SQL", "CALL up();", "SQL", "date")),
        Bad(_job("migrate up \\", "  --all &&", "  seed", "ls -l", "notify || echo 'not sent'")),
        Bad(_job("migrate up", "curl -X POST localhost:15020/quitquitquit")),
        Bad(_job("migrate up", "touch /tmp/done")),  # the container that waits for it is not to wait for ever
        Bad(_job("migrate up", "notify || true")),
        Bad(_job("migrate up || echo failed")),
        Bad(_job("migrate up", "true")),  # these are noted
        Bad(_job("set -e", "migrate up || true")),
        Bad(_job("set -e", "pg_dump shop | gzip > /backup/shop.gz", "aws s3 cp /backup/shop.gz s3://shop/")),
        Bad(_job("mysqldump shop | mysql copy && echo done", run="/bin/sh, -c")),
        Bad(_job("python -m report | tee /tmp/report.log")),
        Bad(
            """\
            apiVersion: batch/v1
            kind: CronJob
            metadata:
              name: report
            spec:
              schedule: "7 3 * * *"
              jobTemplate:
                spec:
                  template:
                    spec:
                      restartPolicy: Never
                      initContainers:
                        - {name: load, image: load:1.0, command: [sh, -c, load /data; echo loaded]}
                      containers:
                        - {name: report, image: report:1.4}
            """,
        ),
    ),
)
