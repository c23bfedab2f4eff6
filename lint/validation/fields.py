"""The fields of Jobs and CronJobs by Kubernetes minor, with their Go types.

They stand in fields.json, which tools/fields.py makes.
"""

from functools import cache
from typing import NamedTuple


class Field(NamedTuple):
    """A field of a Go struct."""

    type: str
    """As Go writes it in errors: `int32`, `[]v1.Container`."""

    since: int = 0
    """The first minor that knows it; 0 for those that every minor of the table has had from the start."""

    until: int = 0
    """The last minor that knows it; 0 for those that are still there."""

    inside: str = ""
    """The Go name of the embedded struct that it comes from."""

    def known(self, minor: int) -> bool:
        """Tell whether a minor knows it."""
        return self.since <= minor and not 0 < self.until < minor


class Table(NamedTuple):
    """What Go knows of the types in a Job or CronJob."""

    structs: dict[str, dict[str, Field]]
    """The fields by the Go name of the struct: `v1.JobSpec`."""

    named: dict[str, str]
    """What types are that have a name and are no struct: `v1.RestartPolicy` is `string`."""


@cache
def table() -> Table:
    """Read the table."""
    import json  # few runs meet an object that is not plain

    with open(f"{__file__.rpartition('.')[0]}.json", encoding="utf-8") as file:
        content = json.load(file)
    structs = {
        name: {key: Field(spec) if isinstance(spec, str) else Field(*spec) for key, spec in fields.items()}
        for name, fields in content["structs"].items()
    }
    return Table(structs, content["named"])


def known(go: str, minor: int) -> dict[str, Field]:
    """Return the fields of a struct that a minor knows."""
    return {key: field for key, field in table().structs[go].items() if field.known(minor)}
