"""A name leaves room for what Kubernetes appends to it.

A Job's name becomes a label of its Pods and has at most 63 characters; only with `manualSelector` there is no
label. The hostname of an Indexed Job's Pod is the name, a hyphen and the index, at most 63 characters without
a dot. A CronJob's name has at most 52 characters, since its Jobs get a hyphen and 8 digits.

Of a CronJob whose template is Indexed, the API server looks at the 52 characters alone. A name that makes the
hostnames too long, or has a dot, is accepted, and then no run gets its Job (event `FailedCreate`).

A `generateName` gets 5 random characters, which count as well. Names without indexes may have a dot; the API
server warns of surprising behavior, since they are used in Pod names and hostnames.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lint.job import Job
from lint.rule import Bad, Class, Finding, Good, Rule, Severity, refusal

if TYPE_CHECKING:
    from lint.validation.cause import Cause

_MAX = 63
_RANDOM = 5
"""Characters that a generateName gets; of more than 58 the rest is cut off first."""

_TIME = len("-29375520")
"""What a CronJob appends for its Jobs: the minutes since 1970."""


def check(job: Job, _params: None) -> Iterator[Finding]:
    causes = job.causes("name-budget")
    for cause in causes:
        yield refusal(cause, _mend(cause))
    name = job.metadata.at("name")
    generated = name.unset or name.value == ""
    written = job.metadata.at("generateName") if generated else name
    text = written.as_str()
    if causes or not text or written.placeholder:
        return
    completions = job.effective.spec.at("completions").as_int() if job.indexed else None
    last = f"-{completions - 1}" if completions is not None and completions > 0 else ""
    dotted = "." in (text[: _MAX - _RANDOM] if generated else text)
    if job.cronjob and last:
        over = len(text) + _RANDOM * generated + _TIME + len(last) - _MAX
        if over > 0:
            suffix = f"a hyphen, 8 digits and {last}"
            message = (
                f"{_over(over)}, since the last Pod's hostname ends in {suffix}: no run can make its Job"
            )
            yield Finding(name.path, message, class_=Class.HOLE)
        if dotted:
            message = "has a dot, but begins the Pods' hostnames, which must be DNS labels"
            yield Finding(name.path, f"{message}: no run can make its Job", class_=Class.HOLE)
    elif dotted:
        message = (
            "has a dot, which can result in surprising behavior where it is used as hostname of the Pods"
        )
        yield Finding(name.path, message, severity=Severity.INFO, class_=Class.PRACTICE)


def _mend(cause: "Cause") -> str:
    """Say how much is too much."""
    name = cause.value if isinstance(cause.value, str) else ""
    if cause.detail.startswith("must be no more than"):
        limit = int(cause.detail.split()[5])
        what = ": the label job-name is made of the name" if "labels" in cause.field else ""
        return f"{what}; {_over(len(name) - limit)}" if len(name) > limit else what
    if cause.detail.startswith("will not able"):
        over = len(cause.detail.rpartition(": ")[2]) - _MAX
        if over > 0:
            return f"; {_over(over)} for the hostname of the last Pod"
        return "; hostnames have no dots" if "." in name else ""
    return ""


def _over(over: int) -> str:
    return f"{over} character{'' if over == 1 else 's'} too long"


def _job(name: str, *fields: str) -> str:
    """Write a Job with this line for its name and these fields."""
    return _JOB.replace("NAME", name).replace("FIELDS", "\n  ".join((*fields, "backoffLimit: 2")))


def _cron(name: str, *fields: str) -> str:
    """Write a CronJob with this line for its name and these fields in its template."""
    return _CRONJOB.replace("NAME", name).replace("FIELDS", "\n      ".join((*fields, "backoffLimit: 2")))


def _named(length: int, key: str = "name") -> str:
    """Write a name of so many characters."""
    return f"{key}: " + ("orders-and-returns-of-all-countries-" * 2)[: length - 1] + "x"


_JOB = """\
apiVersion: batch/v1
kind: Job
metadata:
  NAME
spec:
  FIELDS
  template:
    metadata:
      labels:
        app: report
    spec:
      restartPolicy: Never
      containers:
        - name: report
          image: report:1.4
"""

_CRONJOB = """\
apiVersion: batch/v1
kind: CronJob
metadata:
  NAME
spec:
  schedule: "7 3 * * *"
  jobTemplate:
    spec:
      FIELDS
      template:
        spec:
          restartPolicy: Never
          containers:
            - name: report
              image: report:1.4
"""

_TEN, _ELEVEN = ("completionMode: Indexed", "completions: 10"), ("completionMode: Indexed", "completions: 11")
_NONE = ("completionMode: Indexed", "completions: 0")
_MANUAL = ("manualSelector: true", "selector: {matchLabels: {app: report}}")

RULE = Rule(
    id="name-budget",
    doc=__doc__,
    severity=Severity.ERROR,
    class_=Class.SERVER,
    params=None,
    check=check,
    good=(
        Good(_cron("name: orders-and-returns-of-all-countries-of-the-last-week")),
        Good(_job(_named(63))),
        Good(_job(_named(64), *_MANUAL)),
        Good(_job(_named(61), *_TEN)),
        Good(_job(_named(60), *_ELEVEN)),
        Good(_job(_named(63), *_NONE)),
        Good(_job(_named(61), "completionMode: Indexed")),  # one index
        Good(_cron(_named(52), *_TEN)),
        Good(_cron(_named(51), *_ELEVEN)),
        Good(_job(_named(58, "generateName"))),
        Good(_job(_named(70, "generateName"))),
        Good(_job(_named(56, "generateName"), *_TEN)),
        Good(_cron(_named(47, "generateName"))),
        Good(_cron(_named(46, "generateName"), *_ELEVEN)),
        Good(_job('name: "${COUNTRY}-orders-and-returns-of-all-countries-of-the-last-month.v2"', *_TEN)),
        Good(_job(_named(62), "completionMode: Indexed", 'completions: "${COUNT}"')),
    ),
    bad=(
        Bad(_cron("name: orders-and-returns-of-all-countries-of-the-last-quarter")),
        Bad(_job(_named(64))),
        Bad(_job(_named(64), "manualSelector: false")),
        Bad(_job(_named(62), *_TEN)),
        Bad(_job(_named(61), *_ELEVEN)),
        Bad(_job(_named(62), "completionMode: Indexed")),
        Bad(_job("name: report.v2", *_TEN)),
        Bad(_cron(_named(53), *_TEN)),
        Bad(_cron(_named(52), *_ELEVEN)),  # accepted, but no run can make its Job
        Bad(_cron("name: report.v2", *_TEN)),
        Bad(_job(_named(57, "generateName"), *_TEN)),
        Bad(_job("generateName: report.v2-", *_TEN)),
        Bad(_cron(_named(48, "generateName"))),
        Bad(_cron(_named(47, "generateName"), *_ELEVEN)),
        Bad(_job("name: report.v2")),  # accepted
        Bad(_job("name: report.v2", *_NONE)),
        Bad(_cron("generateName: report.v2-")),
    ),
)
