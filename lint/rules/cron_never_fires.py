"""A schedule comes true, and not more often than once a minute.

The API server accepts 31 February and a field of commas alone. The CronJob controller looks five years ahead,
finds nothing, leaves an event `InvalidSchedule`, and never makes a Job. With `suspend: true` nothing is due
anyway: such a CronJob is there to be started by hand, with `kubectl create job --from`.

A Job's name has the minute of its run, so that there is at most one Job a minute: `@every 20s` is another way
to write `* * * * *`. All `@every` count from the last run, or from when the CronJob was made: nobody can tell
from the manifest at which times it runs.
"""

from collections.abc import Iterator

from lint.job import Job
from lint.rule import Bad, Class, Finding, Good, Rule, Severity, quoted


def check(job: Job, _params: None) -> Iterator[Finding]:
    written = job.object.at("spec", "schedule")
    text = written.as_str()
    if not job.cronjob or not text or written.placeholder:
        return
    from lint.validation import cron  # most runs see no CronJob

    if cron.schedule(text, job.minor):
        return
    schedule = cron.parse(text)
    if cron.never_fires(schedule):
        if job.object.at("spec", "suspend").as_bool():
            return
        message = f"no time of the next 5 years fits {quoted(text)}, nor any later: no run is ever due"
        yield Finding(written.path, message)
    elif 0 < schedule.every < 60:
        message = (
            f"{quoted(text)} asks for a run every {schedule.every} s, but there is at most one a minute: "
            'write "* * * * *", or loop in the container'
        )
        yield Finding(written.path, message, severity=Severity.WARNING, class_=Class.PRACTICE)
    elif schedule.every:
        message = (
            f"{quoted(text)} counts from the last run, or from when the CronJob was made: fields such as "
            '"17 * * * *" say at which times it runs'
        )
        yield Finding(written.path, message, severity=Severity.INFO, class_=Class.PRACTICE)


def _cronjob(schedule: str) -> str:
    """Write a CronJob with a schedule."""
    return _CRONJOB.replace("SCHEDULE", schedule)


_CRONJOB = """\
apiVersion: batch/v1
kind: CronJob
metadata:
  name: report
spec:
  schedule: "SCHEDULE"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers:
            - name: report
              image: report:1.4
"""

RULE = Rule(
    id="cron-never-fires",
    doc=__doc__,
    severity=Severity.ERROR,
    class_=Class.HOLE,
    params=None,
    check=check,
    about=frozenset(("schedule",)),
    good=(
        Good(_cronjob("0 0 29 2 *")),
        Good(_cronjob("0 0 31 2,3 *")),
        Good(_cronjob("0 0 31 2 1")),  # or on Mondays
        Good(_cronjob("0 0 , * 1")),
        Good(_cronjob("* * * * *")),
        Good(_cronjob("@hourly")),
        Good(_cronjob("${SCHEDULE}")),
        Good(_cronjob("0 0 31 2 *").replace("jobTemplate", "suspend: true\n  jobTemplate")),
    ),
    bad=(
        Bad(_cronjob("0 0 31 2 *")),
        Bad(_cronjob("0 0 31 4,6,9,11 *")),
        Bad(_cronjob("0 , * * *")),
        Bad(_cronjob("0 0 * * ,")),
        Bad(_cronjob("@every 59s")),
        Bad(_cronjob("@every -1h")),
        Bad(_cronjob("@every 60s")),
        Bad(_cronjob("@every 1h30m")),
    ),
)
