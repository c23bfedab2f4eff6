"""A variable in arguments is written $(NAME).

Without a shell nobody expands `$NAME` or `${NAME}`: the program gets these characters, looks for a host or a
file that is called so, and fails, or does something else than it was meant to. Kubernetes expands `$(NAME)`
itself, in `command`, `args` and the values of `env`, there where the variable stands above in the list.

Found are names that the same container defines in `env`, and `JOB_COMPLETION_INDEX` of Indexed Jobs, so that
it is sure what is meant: in what programs are given, in arguments of images that are known to start a
program, and in values of variables. Spared are shells and what hands its arguments to one, interpreters with
a program in their arguments, and manifests that something fills in beforehand: a variable that is `${NAME}`
itself, or that nothing here defines, shows it. `${NAME}` is only noted where the program is not known, since
some expand it themselves, such as those of Spring. The fix is an unsafe one, for it changes what is run.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from lint.edit import Set
from lint.job import Job
from lint.rule import Bad, Class, Finding, Fix, Good, Rule, Severity
from lint.view import View

_USE = r"(?<![\\$])\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))"
_INDEX = "JOB_COMPLETION_INDEX"
_SHELLS = (
    "sh bash ash dash zsh ksh fish csh tcsh pwsh powershell cmd busybox su runuser script watch parallel ssh "
    "eval envsubst make npm npx yarn pnpm env xargs find awk gawk sed jq yq"
).split()
"""What expands variables, hands its arguments to what does, or has a `$` of its own."""

_INTERPRETERS = ("python", "node", "deno", "bun", "php", "ruby", "perl", "Rscript", "lua")
_INLINE = ("-c", "-e", "-r", "-E", "--eval")
"""Options with a program as their value."""

_READ = (
    r"(?i)(?:opts|args|options|arguments|cmd|command|script|template|format|pattern|prompt|sql|query|path)\Z"
)
"""Names of variables whose values may be expanded by whoever reads them."""


class Params(NamedTuple):
    """Who certainly expands nothing."""

    programs: tuple[str, ...] = (
        *("aws", "az", "gcloud", "gsutil", "rclone", "restic", "mc", "s3cmd", "curl", "wget", "kubectl"),
        *("psql", "pg_dump", "pg_restore", "mysql", "mysqldump", "mongodump", "mongorestore", "redis-cli"),
        *("helm", "echo", "cp", "mv", "mkdir", "tar", "rsync", "cat", "sleep", "test", "ls"),
    )
    """Programs, without folders."""

    images: tuple[str, ...] = ("aws-cli", "kubectl", "curl", "mc", "restic", "rclone", "skopeo", "trivy")
    """Images without registry, folders and tag that start a program with the arguments."""


def check(job: Job, params: Params) -> Iterator[Finding]:
    for container in job.all_containers():
        if any("$" in text and re.search(_USE, text) for text in _texts(container.entries)):  # in few
            yield from _unexpanded(job, container, params)


def _texts(entries: dict[str, Any]) -> Iterator[str]:
    """Return the words of a container and the values of its variables."""
    for part in ("command", "args", "env"):
        texts = entries.get(part)
        for one in texts if isinstance(texts, list) else ():
            text = one.get("value") if isinstance(one, dict) else one
            if isinstance(text, str):
                yield text


def _unexpanded(job: Job, container: View, params: Params) -> Iterator[Finding]:
    """Find what a container leaves as it is written."""
    words = [word for part in ("command", "args") for word in container.at(part).items()]
    known = _known(container)
    if known is None:
        return
    certain = _certain(container, words, params)
    for word in words if certain is not None else ():
        names = known | {_INDEX} if job.indexed else known
        yield from _in(word, names, names, "without a shell", certain=bool(certain))
    if any(re.search(r"\b(?:eval|envsubst)\b", word.as_str() or "") for word in words):
        return
    above: set[str] = set()
    for variable in container.at("env").items():
        name, value = variable.at("name").as_str() or "", variable.at("value")
        if not re.search(r"\s", value.as_str() or "") and not re.search(_READ, name):
            yield from _in(value, known, above, "in a value", certain=False)
        above.add(name)


def _known(container: View) -> set[str] | None:
    """Return the variables of a container; None where something fills in others beforehand."""
    values = {one.at("name").as_str(): one.at("value") for one in container.at("env").items()}
    filled = {_name(use) for value in values.values() for use in _uses(value)} - values.keys()
    if filled or "$" in (container.at("image").as_str() or ""):
        return None
    return {name for name, value in values.items() if name and name not in map(_name, _uses(value))}


def _uses(text: View) -> list[re.Match[str]]:
    """Return where a text uses variables."""
    return list(re.finditer(_USE, text.as_str() or ""))


def _name(use: re.Match[str]) -> str:
    """Return the name of the variable that is used."""
    return use[1] or use[2]


def _in(text: View, known: set[str], above: set[str], where: str, *, certain: bool) -> Iterator[Finding]:
    """Find the variables in a text that are known; those that stand above it can be written otherwise."""
    uses = [use for use in _uses(text) if _name(use) in known]
    if not uses:
        return
    name = _name(uses[0])
    fix, mend = None, f"write $({name}), below {name}"
    if all(_name(use) in above for use in uses):
        mend = f"write $({name})"
        expanded = re.sub(
            _USE, lambda use: f"$({_name(use)})" if _name(use) in above else use[0], str(text.value)
        )
        fix = Fix(mend, (Set(text.path, expanded),), safe=False)
    noted = all(use[1] for use in uses) and not certain
    message = f"nothing expands {uses[0][0]} {where}: {mend}"
    yield Finding(text.path, message, fix, Severity.INFO if noted else None)


def _certain(container: View, words: list[View], params: Params) -> bool | None:
    """Tell whether what runs is known to expand nothing; None where it may well expand."""
    texts = [word.as_str() or "" for word in words]
    names = [text.partition(" ")[0].rpartition("/")[2] for text in texts]
    if any(name in _SHELLS or name.endswith(".sh") or "entrypoint" in name for name in names):
        return None
    if not container.at("command", 0).given:
        image = (container.at("image").as_str() or "").partition("@")[0].rpartition("/")[2]
        return True if image.partition(":")[0] in params.images else None
    if names[0].startswith(_INTERPRETERS) and not set(_INLINE).isdisjoint(texts):
        return None
    return names[0] in params.programs


_JOB = """\
apiVersion: batch/v1
kind: Job
metadata:
  name: load
spec:
  {}
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: load
          image: {}
          env:
            - {{name: HOST, value: db}}
            - {{name: URL, value: "{}"}}
          {}
"""


def _job(
    container: str = "args: []",
    *,
    url: str = "http://db/x",
    image: str = "load:1.4",
    spec: str = "backoffLimit: 3",
) -> str:
    return _JOB.format(spec, image, url, container)


_INDEXED = "completions: 3\n  completionMode: Indexed"

RULE = Rule(
    id="variable-not-expanded",
    doc=__doc__,
    severity=Severity.WARNING,
    class_=Class.PRACTICE,
    params=Params(),
    check=check,
    good=(
        Good(_job('command: [load, --host, $(HOST), "--port=$PORT", "$$HOST", "\\\\$HOST"]')),
        Good(_job('command: [sh, -c, "load --host $HOST"]')),
        Good(_job('command: [tini, --, bash, -ec, "load --host ${HOST}"]')),
        Good(_job('command: [/app/load.sh, "--host=$HOST"]')),
        Good(_job("command: [python3, -c, \"print('$HOST')\"]")),
        Good(_job('args: ["--host=$HOST"]')),  # nobody knows what the image does with it
        Good(_job('command: [load, "--url=${URL}"]', url="${URL}")),  # filled in beforehand
        Good(_job('command: [load, "--host=${HOST}"]', url="${SERVER}/x")),
        Good(_job('command: [load, "--host=${HOST:-db}", "--hosts=$HOSTS"]')),
        Good(_job('command: [sh, -c, "eval load $URL"]', url="http://$HOST/x")),
        Good(_job(url="http://$(HOST)/x")),
        Good(_job('command: [load, "--part=$JOB_COMPLETION_INDEX"]')),
    ),
    bad=(
        Bad(
            _job('command: [load, "--host=$HOST", "--url=$URL"]'),
            fixed=_job('command: [load, "--host=$(HOST)", "--url=$(URL)"]'),
        ),
        Bad(
            _job('command: [load]\n          args: ["--host=${HOST}"]'),  # only noted
            fixed=_job('command: [load]\n          args: ["--host=$(HOST)"]'),
        ),
        Bad(
            _job('command: [/usr/bin/curl, "-f", "${URL}?from=$HOST&to=$PORT"]'),
            fixed=_job('command: [/usr/bin/curl, "-f", "$(URL)?from=$(HOST)&to=$PORT"]'),
        ),
        Bad(
            _job('command: [load, "--part=$JOB_COMPLETION_INDEX"]', spec=_INDEXED),
            fixed=_job('command: [load, "--part=$(JOB_COMPLETION_INDEX)"]', spec=_INDEXED),
        ),
        Bad(_job(url="http://$HOST/x"), fixed=_job(url="http://$(HOST)/x")),
        Bad(
            _job("args: [s3, cp, $URL, .]", image="amazon/aws-cli:2.32.0"),
            fixed=_job('args: [s3, cp, "$(URL)", .]', image="amazon/aws-cli:2.32.0"),
        ),
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
                        - name: load
                          image: load:1.0
                          env: [{name: URL, value: http://$HOST/x}, {name: HOST, value: db}]
                      containers:
                        - {name: report, image: report:1.4}
            """,
        ),
    ),
)
