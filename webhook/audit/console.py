"""What an audit tells at once, line by line."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lint.report import visible
from webhook.audit.live import Live
from webhook.audit.run import Run
from webhook.audit.tally import Tally

STREAMED = ("text", "concise", "summary", "json")
"""Formats that need nothing to be kept."""


class Console:
    """A report in one of the formats STREAMED."""

    def __init__(self, run: Run, format_: str, name: str, say: Callable[[Sequence[str]], None]) -> None:
        self._run = run
        self._say = say
        self._format = format_
        self._opening = f'{{"version": 1, "{name}": ['
        self._told = 0

    def tell(self, one: Live, text: str, more: str, entry: Mapping[str, Any]) -> None:
        """Tell something of an object: a line, another one for `text`, or a JSON object."""
        self._told += 1
        if self._format == "json":
            whole = {"object": {"kind": one.kind, "namespace": one.namespace, "name": one.name}, **entry}
            before = f"{self._opening}\n" if self._told == 1 else ","
            self._say([before + json.dumps(whole)])
        elif self._format != "summary":
            lines = [f"{one.place}: {visible(text)}"]
            lines += [f"  {visible(more)}"] if more and self._format == "text" else []
            self._say(lines)

    def end(self, tally: Tally, closing: str) -> None:
        """Tell all numbers; what went wrong, people have been told by then."""
        run = self._run
        if self._format == "json":
            summary = {"jobs": run.seen["Job"], "cronjobs": run.seen["CronJob"], "children": run.children}
            rest = {
                "counts": tally.entries(),
                "summary": {**summary, **tally.totals()},
                "complete": not run.incomplete,
                "problems": run.problems,
            }
            lines = [f'"{key}": {json.dumps(value)}' for key, value in rest.items()]
            self._say([*([] if self._told else [self._opening]), "],", ",\n".join(lines) + "}"])
            return
        if self._format != "concise" and self._told:
            self._say([*([""] if self._format == "text" else []), *tally.tables()])
        self._say([closing])
