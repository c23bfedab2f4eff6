"""Where an audit's reports go: the standard output and files, at once or at the end."""

from collections.abc import Mapping, Sequence
from typing import Any

from lint.formats import Outcome, rendered
from lint.found import Found
from lint.output import save
from lint.report import Totals
from lint.rule import Severity
from webhook.audit.console import STREAMED, Console
from webhook.audit.live import Live
from webhook.audit.run import Run
from webhook.audit.tally import Tally

AT_END = ("sarif", "github", "gitlab", "junit")
"""Formats of the linter, which are written when everything is known."""

FORMATS = (*STREAMED, *AT_END)


class Output:
    """All reports of an audit."""

    def __init__(self, run: Run, shown: str, files: Sequence[tuple[str, str]], name: str) -> None:
        """Take the format of the standard output, empty for none, and others with their files."""
        self._run = run
        self._shown = shown
        self._files = files
        self._lines: dict[str, list[str]] = {path: [] for format_, path in files if format_ in STREAMED}
        self._consoles = [
            Console(run, format_, name, self._lines[path].extend if path else lambda lines: run.say(*lines))
            for format_, path in (*files, (shown, ""))
            if format_ in STREAMED
        ]
        self._keeps = any(format_ in AT_END for format_, _ in (*files, (shown, "")))
        self._found: list[Found] = []
        self._objects: list[str] = []
        self._last = ""

    def keep(self, one: Live, found: Sequence[Found]) -> None:
        """Keep what was found in an object, and its name, for the reports of the end."""
        if self._keeps:
            self._objects.append(one.place)
            self._found += found

    def tell(self, one: Live, text: str, more: str, entry: Mapping[str, Any]) -> None:
        """Tell something of an object at once: a line, another one for `text`, or a JSON object."""
        for console in self._consoles:
            console.tell(one, text, more, entry)

    def end(self, tally: Tally, closing: str) -> None:
        """Tell all numbers."""
        self._last = f"{closing}; {self._run.looked_at}"
        for console in self._consoles:
            console.end(tally, self._last)
        if not self._shown:
            self._run.say(self._last)
        elif self._shown in AT_END and self._shown != "github":  # which has it as its own last line
            self._run.remark(self._last)

    def write(self, fail_on: Severity) -> None:
        """Write the reports of the end, and all files."""
        outcome = self._outcome(fail_on)
        if self._shown in AT_END:
            self._run.say(rendered(self._shown, outcome).removesuffix("\n"))
        for name, path in self._files:
            lines = self._lines.get(path)
            try:
                save(path, rendered(name, outcome) if lines is None else "\n".join((*lines, "")))
            except OSError as error:
                self._run.failed_to(f"{path}: cannot be written: {(error.strerror or str(error)).lower()}")

    def _outcome(self, fail_on: Severity) -> Outcome:
        """Put together what the reports of the end speak of."""
        run, totals = self._run, Totals(jobs=self._run.seen["Job"])
        totals.cronjobs = run.seen["CronJob"]
        totals.unreadable = run.unreadable
        for found in self._found:
            totals.count(found.violation, rendered=True)
        return Outcome(
            findings=self._found,
            admissions=(),
            totals=totals,
            unreadable=run.unreadable,
            templates=(),
            manifests=self._objects,
            fail_on=fail_on,
            strict=True,
            foretelling=False,
            fixing=False,
            ignoring=False,
            stats=False,
            successful=not (run.problems or run.bugs),
            audit=self._last,
        )
