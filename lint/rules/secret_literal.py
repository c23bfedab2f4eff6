"""A secret comes from a Secret, and is not written into a Job.

Whoever may read Jobs reads what stands in `env`, `command` or `args`: to read Jobs is granted far more widely
than to read Secrets (the role `view` has the one and not the other). The manifest is in version control as
well, where the value stays after it was changed. With `valueFrom.secretKeyRef`, and `$(NAME)` in arguments,
only the name of the Secret is written.

Found are variables and options whose names end like those of secrets, URLs with a password, and what looks
like a key of a known service. The value itself is never shown.

Spared are values that stand for something else: placeholders of templates, `$(NAME)` and `$NAME`, examples
such as `changeme`, paths, references (`vault:...`, `arn:...`), yes and no; and for a token or a key all that
consists of plain words, which is most often the name of a Secret or of a file. Passwords that everybody
knows, such as `postgres`, are only noted.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from lint.job import Job
from lint.rule import Bad, Class, Finding, Good, Rule, Severity
from lint.view import View

_STAND_IN = (
    r"(?i)chang(?:e|ing)[-_ ]?(?:me|this|it)|replace|your|example|placeholder|todo|dummy|fixme|redacted"
    r"|insert|xxx|\.\.\.|\*\*|\Aenc[\[(]|\A(?:true|false|yes|no|on|off|none|null|tbd|n/a|optional|required|unset|\d{1,3})\Z"
)
_REFERENCE = r"[-<$({\[%@#&/~.]|__|[a-z][a-z0-9+.-]*:|projects/|\S*\s"
_KNOWN = (
    r"(?i)(?:pass(?:wor[dt]|wd)?|pwd|secret|admin|root|user|guest|test|demo|postgres(?:ql)?|mysql|mariadb|mongo|redis"
    r"|rabbitmq|minio|default|super|some|dev|local|my|db|[-_.!]|\d)+\Z|[a-z]+(?:[-./][a-z]+)+\Z"
)
_WORDS = r"(?i)[a-z]{0,20}(?:\d{1,4}[a-z]?)?(?:[-._/:][a-z]{0,20}(?:\d{1,4}[a-z]?)?)*\Z"
_URL = (
    r"://([^\s/?#:@'\"]*):([^\s/?#@'\"]+)@"
    r"|(?i:[?&;][ ]?(?:password|pwd|accountkey|sharedaccesskey)=)([^&;\s'\"(){}\[\]$`]+)(?=[&;\s'\"]|\Z)"
)
_MARKS = (
    *("ghp_", "github_pat_", "glpat-", "sk_live_", "xoxb-", "xoxp-", "AIza"),
    *("PRIVATE KEY-----", "Bearer "),
)
_SHORT = 20
"""Characters that a key of a known service is longer than."""
_KEYS = (
    r"\b(?:ghp_\w{36}|github_pat_\w{22}|glpat-[\w-]{20}|sk_live_\w{16}|xox[bp]-\d+-[\w-]{10}|AIza[\w-]{35})"
    r"|BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\s*[A-Za-z0-9+/]{40}|\bBearer [\w-]{8,}[.\w-]{12,}"
)


class Params(NamedTuple):
    """Whose values are secrets."""

    passwords: tuple[str, ...] = ("password", "passwd", "passphrase", "_pwd", "_pass")
    """How names of passwords end, in small letters and with `_` between words."""

    keys: tuple[str, ...] = (
        *("secret", "token", "api_key", "apikey", "secret_key", "secretkey", "secret_key_base"),
        *("secret_access_key", "private_key", "encryption_key", "signing_key", "account_key", "master_key"),
    )
    """How names of tokens and keys end; only values that look like one are found."""

    allow: tuple[str, ...] = ()
    """Variables and options that hold no secret, as they are written."""


def check(job: Job, params: Params) -> Iterator[Finding]:
    told: set[object] = set()
    for container in job.all_containers():
        text = _text(container.entries)
        if text and (_has_name(text, params) or _seen(text) is not None):  # few containers
            yield from _in_env(container, params, told)
            yield from _in_arguments(container, params, told)


def _text(entries: dict[str, Any]) -> str:
    """Return all that may have a secret in it."""
    texts = []
    for part in ("command", "args", "env"):
        words = entries.get(part)
        for word in words if isinstance(words, list) else ():
            if isinstance(word, str):
                texts.append(word)
            elif isinstance(word, dict) and word.get("value"):
                texts.append(f"{word.get('name')} {word['value']}")
    return "\n".join(texts)


def _in_env(container: View, params: Params, told: set[object]) -> Iterator[Finding]:
    """Find secrets in the values of variables."""
    for variable in container.at("env").items():
        name, value = variable.entries.get("name"), variable.entries.get("value")
        if not (isinstance(name, str) and isinstance(value, str) and value):
            continue
        severity = _named(name, value, params)
        if severity is None:
            severity = _seen(value)
        if severity is not None and name not in params.allow and (name, value) not in told:
            told.add((name, value))  # one finding, however many containers have it
            message = f"who may read Jobs can read {name}: take it from a Secret, by valueFrom.secretKeyRef"
            yield Finding(variable.at("value").path, message, severity=severity)


def _in_arguments(container: View, params: Params, told: set[object]) -> Iterator[Finding]:
    """Find secrets in what a container is to run."""
    option = ""
    for part in ("command", "args"):
        for word in container.at(part).items():
            text = word.as_str() or ""
            assigned, option = _assigned(text, option, params)
            found = [one for one in (assigned, _seen(text)) if one is not None]
            if found and text not in told:
                told.add(text)
                message = (
                    "who may read Jobs can read the secret in this: put it into a Secret, and write $(NAME)"
                )
                yield Finding(word.path, message, severity=max(found))


def _has_name(text: str, params: Params) -> bool:
    """Tell whether there may be a name of a secret in a text."""
    lower = text.lower().replace("-", "_").replace(".", "_")
    for ending in params.passwords:
        if ending in lower:
            return True
    for ending in params.keys:  # noqa: SIM110 - a generator takes twice as long
        if ending in lower:
            return True
    return False


def _assigned(text: str, option: str, params: Params) -> tuple[Severity | None, str]:
    """Weigh what a text gives to options and variables; return the option whose value comes next."""
    worst = None
    for word in re.split(r"[\s;&|]+", text):
        name, assigns, value = word.partition("=")
        if not assigns:
            name, value, option = option, word, word if word[:2] == "--" else ""
        else:
            option = ""
        if name[:2] != "--" and not name.isupper():
            continue
        value = value.strip("\"'")
        if name.lstrip("-") in params.allow or re.search(r"[$`(){}\[\]<>\"']", value):
            continue
        severity = _named(name.lstrip("-"), value, params)
        if severity is not None and (worst is None or severity > worst):
            worst = severity
    return worst, option


def _named(name: str, value: str, params: Params) -> Severity | None:
    """Tell what a value is worth whose name says what it is."""
    ending = name.lower().rstrip("0123456789_")
    if "-" in ending or "." in ending:
        ending = ending.replace("-", "_").replace(".", "_")
    if ending.endswith(params.passwords):
        return _worth(value, name)
    if ending.endswith(params.keys) and "publi" not in ending:
        plain = len(value) < 8 or value.isdigit() or re.match(_WORDS, value)
        return None if plain or value[:3] == "pk_" else _worth(value, name)
    return None


def _worth(value: str, name: str) -> Severity | None:
    """Tell what a value is worth that is the secret of a name, if it is one at all."""
    if not value or "{{" in value or "${" in value or "$(" in value:
        return None
    if re.match(_REFERENCE, value) or re.search(_STAND_IN, value):
        return None
    known = value.lower() in name.lower() or re.match(_KNOWN, value)
    return Severity.INFO if known else Severity.WARNING


def _seen(text: str) -> Severity | None:
    """Tell what a text is worth that may have a secret in it, under whatever name."""
    if len(text) > _SHORT:
        for mark in _MARKS:
            if mark in text and re.search(_KEYS, text):
                return Severity.WARNING
    with_user = "@" in text and "://" in text
    if not with_user and not ("=" in text and (";" in text or "?" in text)):
        return None
    found = [_worth(match[2] or match[3], match[1] or "") for match in re.finditer(_URL, text)]
    return max((one for one in found if one is not None), default=None)


_JOB = """\
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
          {}
"""


def _job(*fields: str) -> str:
    return _JOB.format("\n          ".join(fields))


def _env(*variables: str) -> str:
    pairs = (variable.partition("=")[::2] for variable in variables)
    return _job("env:", *(f"  - {{name: {name}, value: '{value}'}}" for name, value in pairs))


RULE = Rule(
    id="secret-literal",
    doc=__doc__,
    severity=Severity.WARNING,
    class_=Class.PRACTICE,
    params=Params(),
    check=check,
    good=(
        Good(_job("env: [{name: DB_PASSWORD, valueFrom: {secretKeyRef: {name: report, key: password}}}]")),
        Good(_job('args: [--token=$(TOKEN), --password, "$(DB_PASSWORD)", --password-file=/run/p4ss]')),
        Good(
            _job("args:", "  - |", "    PASSWORD=$(cat /run/p4ss) report --token $TOKEN1 --password '${P1}x'")
        ),
        Good(
            _env("DB_PASSWORD={{ .Values.password }}", "MAIL_PASSWORD=${MAIL_PASSWORD}", "FTP_PASSWORD=$FTP1")
        ),
        Good(_env("DB_PASSWORD=changeme", "TOKEN=<your token 1>", "API_KEY=0123-YOUR-KEY-4567")),
        Good(_env("DB_PASSWORD=/run/secrets/p4ss", "TOKEN=vault:secret/data/a1b2c3#token", "X_PASSWORD=")),
        Good(_env("TRAIN_PASS=2", "FTP_PASSWORD=__FTP_PASSWORD__", "REQUIRE_PASSWORD=optional")),
        Good(_env("ALLOW_EMPTY_PASSWORD=yes", "TLS_SECRET=report-tls-2", "PRIVATE_KEY=id_rsa.pem")),
        Good(
            _env(
                "MAX_TOKEN=409600000",
                "EOS_TOKEN=</s>",
                "OBJECT_KEY=2026/q3a9f/x",
                "PUBLIC_API_KEY=pk_1a2b3c4d",
            )
        ),
        Good(
            _env(
                "URL=redis://redis:6379/0",
                "PROXY=http://$USER:$PASS@proxy",
                "REPO=https://git@example.com/a:b@c",
            )
        ),
        Good(_env("DB_PASSWORD=hunt3r.2"), params=Params(allow=("DB_PASSWORD",))),
    ),
    bad=(
        Bad(_env("DB_PASSWORD=hunt3r.2")),
        Bad(_env("PGPASSWORD=correcthorse", "smtpPass2=x", "MAIL_PASS=b4ttery")),
        Bad(_env("POSTGRES_PASSWORD=postgres")),  # only noted
        Bad(_env("DATABASE_URL=postgresql://airflow:airflow@postgres/airflow")),
        Bad(_env("SESSION_SECRET=9f8a7b6c5d4e3f2a", "CLIENT_TOKEN=a1b2c3d4")),
        Bad(_env("BROKER=amqps://report:s3cr7t-x@rabbitmq:5671")),
        Bad(_env("DB=jdbc:postgresql://db/report?user=report&password=Gr7w9")),
        Bad(_env("HOOK=Bearer 0a1b2c3d4e5f6a7b8c9d0e1f")),
        Bad(_job("args: [--db-password=Gr7w9kk]")),
        Bad(_job("command: [report, --token, 8f7e6d5c4b3a]")),
        Bad(_job("command: [sh, -c, \"DB_PASSWORD='Gr7w9kk' report\"]")),
        Bad(_env("REPORT_PIN=77Gr7w"), params=Params(passwords=("_pin",))),
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
                        - {name: wait, image: wait:1.0, env: [{name: DB_PASSWORD, value: Gr7w9kk}]}
                      containers:
                        - {name: report, image: report:1.4, env: [{name: DB_PASSWORD, value: Gr7w9kk}]}
            """,
        ),
    ),
)
