"""A suppression suppresses something.

`# jobwarden: ignore[...]` and the annotation `jobwarden.io/ignore` outlive the finding that they were written
for; a later, real finding of the same rule then passes without a word. A name that no rule has suppresses
nothing either.

Spared are suppressions of rules that the policy switches off.
"""

from collections.abc import Iterator

from lint.job import Job
from lint.rule import Bad, Class, Finding, Good, Rule, Severity


def check(_job: Job, _params: None) -> Iterator[Finding]:
    """Find nothing: the engine knows when all the other rules have run."""
    return iter(())


RULE = Rule(
    id="unused-suppression",
    doc=__doc__,
    severity=Severity.WARNING,
    class_=Class.PRACTICE,
    params=None,
    check=check,
    good=(
        Good(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata:
              name: report
            spec:
              template:
                spec:
                  restartPolicy: Never
                  containers:
                    - name: report
                      image: report:1.4
            """,
        ),
        Good(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata:
              name: report
              annotations:
                jobwarden.io/ignore: image-tag  # the policy of these examples switches image-tag off
            spec:
              template:
                spec:
                  restartPolicy: Never
                  containers:
                    - name: report
                      image: report:1.4
            """,
        ),
    ),
    bad=(
        Bad(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata:
              name: report
              annotations:
                jobwarden.io/ignore: image-tags
            spec:
              template:
                spec:
                  restartPolicy: Never
                  containers:
                    - name: report
                      image: report:1.4
            """,
        ),
        Bad(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata:
              name: report
            spec:
              template:
                spec:
                  restartPolicy: Never
                  containers:
                    - name: report
                      # jobwarden: ignore[image-tags] built every night
                      image: report:1.4
            """,
            text_only=True,
        ),
    ),
)
