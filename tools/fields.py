"""Makes lint/validation/fields.json: the fields of Jobs and CronJobs by Kubernetes minor, and their types.

    python tools/fields.py 1.31=OPENAPI ... 1.37=OPENAPI --go FOLDER ...

OPENAPI is a file or URL of the document that an API server of that minor serves at
`/openapi/v3/apis/batch/v1`. Give every minor from the first to the last. The same document is published with
the sources, as `api/openapi-spec/v3/apis__batch__v1_openapi.json` of the Go module k8s.io/kubernetes, which
`go mod download` gets. The table was made from what servers 1.31.3, 1.34.4 and 1.37.2 serve (their published
documents have the same fields), and from the published documents of 1.32.13, 1.33.13, 1.35.4 and 1.36.3.

OpenAPI does not tell what the server writes of a wrong type: the Go type, and structs that are embedded in
others. They come from the sources: each FOLDER is the Go module k8s.io/api or k8s.io/apimachinery in some
version, the newest first, older ones for what newer ones lack. They were v0.37.2 of both, and k8s.io/api
v0.35.10 for `workloadRef`, which only 1.35 knows.
"""

import argparse
import json
import re
import urllib.request
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

TABLE = Path(__file__).parents[1] / "lint" / "validation" / "fields.json"
ROOTS = ("k8s.io/api/batch/v1", "Job"), ("k8s.io/api/batch/v1", "CronJob")
OPAQUE = {"resource.Quantity", "intstr.IntOrString", "v1.Time", "v1.FieldsV1"}
"""What reads its own JSON, so that its fields do not show."""

_STRUCT = r"(?ms)^type (\w+) struct \{$(.*?)^\}"
_NAMED = r"(?m)^type (\w+) ([\w.\[\]]+)$"
_FIELD = r'(?m)^\t(?:(\w+)[ \t]+)?([\w.\[\]*]+)[ \t]+`json:"(\w*)([^"]*)"'
_IMPORT = r'(?m)^(?:import |\t)(?:(\w+) )?"(k8s\.io/[^"]+)"$'
_NAME = r"(?:\b(\w+)\.)?\b([A-Z]\w*)"


class Field(NamedTuple):
    """A field of a Go struct."""

    name: str
    type: str
    """As Go writes it in errors, without `*`."""

    inside: str
    """The Go name of the embedded struct that it comes from."""

    refers: tuple[tuple[str, str], ...]
    """The packages and names of the types in its own."""


class Package(NamedTuple):
    """The types of a Go package."""

    structs: dict[str, str]
    named: dict[str, str]
    imports: dict[str, str]


class Sources:
    """The Go sources of a version of a module, or of more."""

    def __init__(self, folders: list[Path]) -> None:
        self._folders = folders

    @cache  # noqa: B019 - one object, as long as the script runs
    def package(self, path: str, folder: Path) -> Package:
        """Read the types of a package."""
        module = re.search(r"(?m)^module (\S+)$", (folder / "go.mod").read_text())
        inner = path.removeprefix(module[1] if module else "-")
        files = sorted((folder / inner.strip("/")).glob("*.go")) if inner != path else []
        texts = [file.read_text() for file in files if "generated" not in file.name]
        text = "\n".join(texts)
        imports = {alias or way.rpartition("/")[2]: way for alias, way in re.findall(_IMPORT, text)}
        return Package(dict(re.findall(_STRUCT, text)), dict(re.findall(_NAMED, text)), imports)

    def packages(self, path: str) -> Iterator[Package]:
        """Read a package in every version."""
        return (self.package(path, folder) for folder in self._folders)

    def fields(self, path: str, name: str) -> dict[str, Field]:
        """Return the fields of a struct, those of the newest version first."""
        found: dict[str, Field] = {}
        for package in self.packages(path):
            for one in self._fields(path, package, package.structs.get(name, "")):
                found.setdefault(one.name, one)
        return found

    def _fields(self, path: str, package: Package, body: str) -> Iterator[Field]:
        for _, kind, name, options in re.findall(_FIELD, body):
            refers = tuple(
                (package.imports[alias] if alias else path, short) for alias, short in re.findall(_NAME, kind)
            )
            if name:
                yield Field(name, _go(path, package, kind), "", refers)
            elif "inline" in options:
                ((inner, short),) = refers
                for one in self.fields(inner, short).values():
                    yield one._replace(inside=".".join(filter(None, (short, one.inside))))

    def named(self, path: str, name: str) -> str:
        """Return what a named type is, that is no struct: `string`."""
        found = (_go(path, one, one.named[name]) for one in self.packages(path) if name in one.named)
        return next(found, "")


def _go(path: str, package: Package, kind: str) -> str:
    """Write a type as Go does in errors: with the last part of the path of its package."""

    def qualified(match: re.Match[str]) -> str:
        way = package.imports[match[1]] if match[1] else path
        return f"{way.rpartition('/')[2]}.{match[2]}"

    return re.sub(_NAME, qualified, kind.replace("*", ""))


class Table:
    """The table while it is made."""

    def __init__(self, sources: Sources, served: dict[int, dict[str, Any]]) -> None:
        self._sources, self._served = sources, served
        self.structs: dict[str, dict[str, list[Any]]] = {}
        self.named: dict[str, str] = {}
        self._paths: dict[str, str] = {}

    def add(self, path: str, name: str) -> None:
        """Add a type, and all types in it."""
        go = f"{path.rpartition('/')[2]}.{name}"
        if self._paths.setdefault(go, path) != path:
            raise SystemExit(f"{go} is in {path} and in {self._paths[go]}")
        if go in OPAQUE or go in self.structs or go in self.named:
            return
        schema = f"io.k8s{path.removeprefix('k8s.io').replace('/', '.')}.{name}"
        known = {minor: schemas.get(schema) for minor, schemas in self._served.items()}
        if is_a := self._sources.named(path, name):
            self.named[go] = is_a
            for inner, short in self._inner(path, name):
                self.add(inner, short)
        elif any(known.values()):
            self._add_struct(path, name, go, known)
        else:
            raise SystemExit(f"{schema} is in no OpenAPI document, and {go} no simple type")

    def _inner(self, path: str, name: str) -> Iterator[tuple[str, str]]:
        package = next(one for one in self._sources.packages(path) if name in one.named)
        for alias, short in re.findall(_NAME, package.named[name]):
            yield package.imports[alias] if alias else path, short

    def _add_struct(self, path: str, name: str, go: str, known: dict[int, Any]) -> None:
        fields = self._sources.fields(path, name)
        minors = {minor: (known[minor] or {}).get("properties", {}) for minor in known}
        struct = self.structs[go] = {}
        first, last = min(minors), max(minors)
        for key in sorted(set().union(*minors.values())):
            if key not in fields:
                raise SystemExit(f"the sources have no {key} in {go}")
            one = fields[key]
            since, *_, until = (has := [minor for minor in sorted(minors) if key in minors[minor]]) * 2
            if has != list(range(since, until + 1)):
                raise SystemExit(f"{go} has {key} in the minors {has} only")
            spec = [one.type, since - first and since, until - last and until, one.inside]
            while len(spec) > 1 and not spec[-1]:
                spec.pop()
            struct[key] = spec
            for inner, short in one.refers:
                self.add(inner, short)


def _schemas(source: str) -> dict[str, Any]:
    """Read the types of an OpenAPI document."""
    if "://" in source:
        with urllib.request.urlopen(source) as answer:  # noqa: S310 - whoever runs this chose the URL
            text = answer.read().decode()
    else:
        text = Path(source).read_text()
    schemas: dict[str, Any] = json.loads(text)["components"]["schemas"]
    return schemas


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("documents", nargs="+", metavar="MINOR=OPENAPI")
    parser.add_argument("--go", nargs="+", required=True, type=Path, metavar="FOLDER")
    options = parser.parse_args()
    pairs = (document.partition("=") for document in options.documents)
    served = {int(minor.removeprefix("1.")): _schemas(source) for minor, _, source in pairs}
    table = Table(Sources(options.go), served)
    for path, name in ROOTS:
        table.add(path, name)
    content = {
        "minors": [min(served), max(served)],
        "named": table.named,
        "structs": {
            go: {key: spec if len(spec) > 1 else spec[0] for key, spec in struct.items()}
            for go, struct in table.structs.items()
        },
    }
    TABLE.write_text(json.dumps(content, sort_keys=True, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
