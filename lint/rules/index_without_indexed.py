"""Who reads the completion index of a Pod runs in an Indexed Job, and gets it.

Only the Pods of Indexed Jobs have an index: in the annotation and the label
`batch.kubernetes.io/job-completion-index`, and in the variable JOB_COMPLETION_INDEX. In any other Job a field
that reads it is empty, `$(JOB_COMPLETION_INDEX)` in a command stays as it is written, and a script that falls
back to 0 does the same share of the work in every Pod.

An Indexed Job appends the variable to `env`, after everything else. To define it is needed only where another
entry refers to it, and then above that entry.

Not asked where something else may give the index: the variable is in `env`, the annotation in the template,
or a script looks whether there is a variable.
"""

import marshal
import re
from collections.abc import Iterator

from lint.job import Job
from lint.rule import Bad, Class, Finding, Good, Rule, Severity
from lint.view import View

_NAME = "JOB_COMPLETION_INDEX"
_KEY = "batch.kubernetes.io/job-completion-index"
_NAME_BYTES, _KEY_BYTES = _NAME.encode(), _KEY.encode()
_FIELDS = {f"metadata.{where}['{_KEY}']": where for where in ("annotations", "labels")}
_REFERENCE = rf"(?<!\$)(?:\$\$)*\$\({_NAME}\)"
_MENTION = rf"(?m)^(?![ \t]*(?:#|//)).*\b{_NAME}\b"
_TEST = (  # a script sets it, looks for it, or has it as the fallback of something else
    rf"(?<![\w${{\"']){_NAME}=(?!=)|(?:\[|\btest)\s+(?:!\s*)?-[nvz]\s+[\"'${{]*{_NAME}\b"
    rf"|{_NAME}[\"']\s+(?:not\s+)?in\b|\{{\w{{1,99}}:?[-=]\$\{{?{_NAME}\b"
)
_FALLBACK = (
    rf"\{{{_NAME}:?[-=]|{_NAME}[\"']\s*,"
    rf"|(?i:env)\w{{0,9}}(?:\.get)?[.(\[][\"']?{_NAME}[\"']?[\])]?\s*(?:\|\||\?\?|or\b)"
)


def check(job: Job, _params: None) -> Iterator[Finding]:
    mode = job.spec.at("completionMode")
    known = mode.unset or mode.value in ("NonIndexed", "Indexed")
    if not known or job.guards.partial or job.guards.foreign or not _named(job.pod):
        return
    look = _indexed if mode.value == "Indexed" else _unindexed
    for container in job.all_containers():
        yield from look(job, container)
    if look is _unindexed:
        for field in _volume_fields(job.pod):
            yield from _empty(job, field)


def _named(pod: View) -> bool:
    """Tell quickly whether the index is named anywhere: in most Pods it is not."""
    try:  # the fastest way to all strings; version 2 looks for no repetitions
        text = marshal.dumps(pod.value, 2)
    except ValueError:
        return True  # nested too deep for it
    return _NAME_BYTES in text or _KEY_BYTES in text


def _indexed(_: Job, container: View) -> Iterator[Finding]:
    """Find entries of `env` that refer to the index too early, and a definition that none of them needs."""
    definition, referred = None, False
    for entry in container.at("env").items():
        value = entry.at("value")
        if _refers(value):
            referred = True
            if definition is None:
                message = (
                    f"$({_NAME}) stays as it is written, since the variable comes after this entry: "
                    f"define it above, by a fieldRef to metadata.annotations['{_KEY}']"
                )
                yield Finding(value.path, message, severity=Severity.WARNING, class_=Class.PRACTICE)
        if definition is None and entry.at("name").value == _NAME:
            definition = entry
    if definition is not None and not referred and _field(definition).as_str() in _FIELDS:
        message = f"the Pods of an Indexed Job have {_NAME} without this entry: leave it out"
        yield Finding(definition.path, message, severity=Severity.INFO, class_=Class.PRACTICE)


def _unindexed(job: Job, container: View) -> Iterator[Finding]:
    """Find whatever reads an index that is not there."""
    entries = list(container.at("env").items())
    for entry in entries:
        yield from _empty(job, _field(entry))
    if any(entry.at("name").value == _NAME for entry in entries):
        return
    sure = len(container.at("envFrom")) == 0
    severity, class_ = (Severity.ERROR, Class.HOLE) if sure else (Severity.WARNING, Class.PRACTICE)
    for view in _mentions(container):
        if _refers(view):
            fatal = view.path[-1] == "subPathExpr"
            what = "has no value, and the container cannot start" if fatal else "stays as it is written"
            message = f"$({_NAME}) {what}{_cause(job)}"
            yield Finding(view.path, message, severity=severity, class_=class_)
        elif view.path[-2] in ("command", "args") and (message := _script(job, view.value)):
            message += _cause(job)
            yield Finding(view.path, message, severity=Severity.WARNING, class_=Class.PRACTICE)


def _mentions(container: View) -> Iterator[View]:
    """Find the texts in which Kubernetes would replace `$(NAME)`; a manifest inside a command is none."""
    for key, *inner in (("command",), ("args",), ("env", "value"), ("volumeMounts", "subPathExpr")):
        for item in container.at(key).items():
            text = item.at(*inner)
            if _NAME in (text.as_str() or "") and "completionMode" not in text.value:
                yield text


def _script(job: Job, text: str) -> str:
    """Say what is wrong with a script that reads the variable, if anything is."""
    if not re.search(_MENTION, text) or re.search(_TEST, text):
        return ""
    if not re.search(_FALLBACK, text):
        return f"the variable {_NAME} is not set"
    several = any((job.spec.at(key).as_int() or 0) > 1 for key in ("completions", "parallelism"))
    return f"every Pod takes the fallback for {_NAME}" if several else ""


def _refers(text: View) -> bool:
    """Tell whether Kubernetes would look for the variable in a text; `$$(NAME)` is an escape."""
    return re.search(_REFERENCE, text.as_str() or "") is not None


def _field(holder: View) -> View:
    return holder.at("valueFrom", "fieldRef", "fieldPath")


def _volume_fields(pod: View) -> Iterator[View]:
    """Iterate over the fields that volumes turn into files."""
    for volume in pod.at("volumes").items():
        for source in (volume, *volume.at("projected", "sources").items()):
            for item in source.at("downwardAPI", "items").items():
                yield item.at("fieldRef", "fieldPath")


def _empty(job: Job, field: View) -> Iterator[Finding]:
    """Report a field that reads the index, unless the template has one."""
    where = _FIELDS.get(field.as_str() or "")
    if where and job.template.at("metadata", where, _KEY).unset:
        yield Finding(field.path, f"this field is always empty{_cause(job)}")


def _cause(job: Job) -> str:
    missing = " and completions" if job.spec.at("completions").unset else ""
    return f", since the Pods of a NonIndexed Job have no index: set completionMode: Indexed{missing}"


def _job(container: str, *spec: str, labels: str = "") -> str:
    lines = "\n  ".join(spec or ("completions: 3",))
    return f"""\
apiVersion: batch/v1
kind: Job
metadata:
  name: resize
spec:
  {lines}
  template:
    metadata: {{labels: {{{labels}}}}}
    spec:
      restartPolicy: Never
      containers:
        - name: resize
          image: resize:2.0
          {container}
"""


_INDEXED = ("completions: 3", "completionMode: Indexed")
_LABEL = f"valueFrom: {{fieldRef: {{fieldPath: \"metadata.labels['{_KEY}']\"}}}}"
_DEFINITION = f"{{name: {_NAME}, {_LABEL}}}"
_REFERENCE_TO_IT = f"{{name: PART, value: part-$({_NAME})}}"
_FILE = f"downwardAPI: {{items: [{{path: i, fieldRef: {{fieldPath: \"metadata.annotations['{_KEY}']\"}}}}]}}"
_VOLUMES = "\n      volumes:"

RULE = Rule(
    id="index-without-indexed",
    doc=__doc__,
    severity=Severity.ERROR,
    class_=Class.HOLE,
    params=None,
    check=check,
    good=(
        Good(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata:
              name: resize
            spec:
              completions: 3
              completionMode: Indexed
              template:
                spec:
                  restartPolicy: Never
                  containers:
                    - name: resize
                      image: resize:2.0
                      args: ["--part=$(JOB_COMPLETION_INDEX)"]
            """,
        ),
        Good(_job(f"env: [{_DEFINITION}, {_REFERENCE_TO_IT}]", *_INDEXED)),
        Good(_job(f"env: [{{name: {_NAME}, value: '0'}}, {_REFERENCE_TO_IT}]")),  # by hand
        Good(_job(f"env: [{{name: I, {_LABEL}}}]", labels=f"{_KEY}: '0'")),  # by hand
        Good(_job(f"env: [{{name: PART, value: $$({_NAME})}}]")),  # an escape, no reference
        Good(_job(f"args: [sh, -c, 'test -z \"${_NAME}\" || resize ${_NAME}']")),
        Good(_job(f"args: [sh, -c, 'resize ${{{_NAME}:-0}}']", "completions: 1")),  # one Pod, one fallback
        Good(_job(f'args: [sh, -c, "# no {_NAME}\\nresize"]')),
        Good(_job(f"args: [sh, -c, 'resize ${_NAME}']", *_INDEXED)),
        Good(
            _job(f"args: ['{{kind: Job, spec: {{completionMode: Indexed}}, args: $({_NAME})}}']")
        ),  # makes a Job
        Good(_job(f"args: [sh, -c, 'resize ${{RANK:-${_NAME}}}']")),
    ),
    bad=(
        Bad(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata:
              name: resize
            spec:
              completions: 3
              template:
                spec:
                  restartPolicy: Never
                  containers:
                    - name: resize
                      image: resize:2.0
                      args: ["--part=$(JOB_COMPLETION_INDEX)"]
            """,
        ),
        Bad(
            """\
            apiVersion: batch/v1
            kind: CronJob
            spec:
              schedule: "7 3 * * *"
              jobTemplate:
                spec:
                  template:
                    spec:
                      restartPolicy: Never
                      containers:
                        - name: resize
                          image: resize:2.0
                          env:
                            - name: JOB_COMPLETION_INDEX
                              valueFrom:
                                fieldRef:
                                  fieldPath: metadata.annotations['batch.kubernetes.io/job-completion-index']
            """,
        ),
        Bad(_job(f"env: [{_REFERENCE_TO_IT}]")),
        Bad(
            _job(
                f"volumeMounts: [{{name: v, mountPath: /v, subPathExpr: $({_NAME})}}]{_VOLUMES} [{{name: v}}]"
            )
        ),
        Bad(_job(f"args: [/v/i]{_VOLUMES} [{{name: v, {_FILE}}}]")),
        Bad(_job(f"args: [/v/i]{_VOLUMES} [{{name: v, projected: {{sources: [{{{_FILE}}}]}}}}]")),
        Bad(_job(f"args: ['$({_NAME})']\n          envFrom: [{{configMapRef: {{name: index}}}}]")),  # perhaps
        Bad(_job(f"args: [sh, -c, 'resize ${_NAME}']", "completions: 1")),
        Bad(_job(f"args: [sh, -c, 'resize ${{{_NAME}:-0}}']")),  # three Pods do part 0
        Bad(_job(f"env: [{_REFERENCE_TO_IT}, {_DEFINITION}]", *_INDEXED)),
        Bad(_job(f"env: [{_REFERENCE_TO_IT}]", *_INDEXED)),
        Bad(_job(f"env: [{_DEFINITION}]", *_INDEXED)),
    ),
)
