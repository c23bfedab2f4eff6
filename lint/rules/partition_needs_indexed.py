"""Pods that each do a part of the work are told which part.

The Pods of a NonIndexed Job are all alike: they get the same arguments, `--shard=0` among them. With
`completions: 10` ten of them do shard 0, the Job is Complete, and nobody did the other nine. With
`completionMode: Indexed` each Pod has an index of its own, from 0 up, as `$(JOB_COMPLETION_INDEX)` in its
arguments, and is tried again with the same one when it fails.

Looked at are options that name a part, with a number: what else there is may be a name, of a partition of a
disk or an index of a database. Spared are containers that take their work from a queue, where each Pod finds
another item, and scripts that go through several parts in one Pod. A part that is not told at all is not seen
here, and an index that is asked for and not there is a matter of index-without-indexed.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from lint.job import Job
from lint.rule import Bad, Class, Finding, Good, Rule, Severity
from lint.view import View

_INDEX = "JOB_COMPLETION_INDEX"
_QUEUE = r"(?i)queue|amqp|kafka|sqs|pubsub|celery"


class Params(NamedTuple):
    """The entry `partition-needs-indexed`: how programs are told their part."""

    options: tuple[str, ...] = ("partition", "shard", "index", "part")
    """Options that take the number of a part, without dashes; `-id`, `-index` or `-number` may follow."""


def check(job: Job, params: Params) -> Iterator[Finding]:
    completions = job.spec.at("completions").as_int()
    mode = job.spec.at("completionMode")
    if completions is None or completions < 2 or not (mode.unset or mode.value == "NonIndexed"):
        return
    if job.guards.partial:
        return
    for container in job.containers:
        if found := _part(container, params):
            view, option, number = found
            message = (
                f"all {completions} Pods do part {number}: set completionMode: Indexed, and write "
                f"{option} $({_INDEX})"
            )
            yield Finding(view.path, message)
            return  # they go together


def _part(container: View, params: Params) -> tuple[View, str, str] | None:
    """Return the word that names the one part of a container, its option and the number."""
    words = [word for key in ("command", "args") for word in container.at(key).items()]
    texts = [word.as_str() or "" for word in words]
    text = " ".join(texts)
    if not any(f"-{option}" in text for option in params.options):
        return None  # the others are many
    names = "|".join(map(re.escape, params.options))
    pattern = rf"(?:^|\s)(--?(?:{names})(?:[-_](?:id|index|number))?)(?:=|\s+)['\"]?(\d+)\b(?![.,:-])"
    found = re.findall(pattern, text)
    if len(set(found)) != 1 or _shared(container, texts):
        return None
    option, number = found[0]
    place = next(place for place, word in enumerate(texts) if option in word)
    return words[place], option, number


def _shared(container: View, texts: list[str]) -> bool:
    """Tell whether a container finds its part elsewhere: in a queue, or by the index of its Pod."""
    names = [
        entry.at(key).as_str() or "" for entry in container.at("env").items() for key in ("name", "value")
    ]
    return any(_INDEX in text or re.search(_QUEUE, text) for text in (*texts, *names))


def _job(container: str, *fields: str) -> str:
    lines = "\n  ".join(fields or ("completions: 10",))
    return f"""\
apiVersion: batch/v1
kind: Job
metadata:
  name: resize
spec:
  {lines}
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: resize
          image: resize:2.0
          {container}
"""


_ARGS = 'args: ["--shard=0"]'
_INDEXED = ("completions: 10", "completionMode: Indexed")

RULE = Rule(
    id="partition-needs-indexed",
    doc=__doc__,
    severity=Severity.WARNING,
    class_=Class.PRACTICE,
    params=Params(),
    check=check,
    good=(
        Good(_job('args: ["--shard=$(JOB_COMPLETION_INDEX)"]', *_INDEXED)),
        Good(_job(_ARGS, *_INDEXED)),
        Good(_job(_ARGS, "completions: 1")),
        Good(_job(_ARGS, "backoffLimit: 3")),
        Good(_job('args: ["--partition=default", "--index", "logs-2026", "--shards=4", "--part=1,2"]')),
        Good(_job('args: ["--shard=0", "--queue=items"]')),  # each Pod takes another item
        Good(_job(f"{_ARGS}\n          env: [{{name: QUEUE_URL, value: 'redis:6379'}}]")),
        Good(_job('command: [sh, -c, "resize --shard=0 && resize --shard=1"]')),
        Good(_job('command: [sh, -c, "resize --shard=$SHARD"]')),
        Good(_job('args: ["--index", "2026-11-25"]')),
    ),
    bad=(
        Bad(_job(_ARGS)),
        Bad(_job('args: ["--partition-id", "3", "--partitions", "10"]', "completions: 2")),
        Bad(
            _job("command: [sh, -c, 'cd /data; exec resize -part 1/10']", *_INDEXED).replace(
                "Indexed", "NonIndexed"
            )
        ),
        Bad(_job('args: ["--slice=0"]'), params=Params(options=("slice",))),
        Bad(
            """\
            apiVersion: batch/v1
            kind: CronJob
            metadata:
              name: resize
            spec:
              schedule: "7 3 * * *"
              jobTemplate:
                spec:
                  completions: 3
                  parallelism: 3
                  template:
                    spec:
                      restartPolicy: Never
                      containers:
                        - name: resize
                          image: resize:2.0
                          args: ["--index=0"]
            """,
        ),
    ),
)
