"""Compares many objects with real API servers; `make truth N=10000 SEED=1 MINORS="1.34 1.37"` runs it.

For each minor: objects with one odd field, stored ones that lose one, N random ones, and changes to N / 10
stored ones. It fails when we differ from a server, or when a rule of the server rejected none of the objects.
"""

import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from apiserver import WITHOUT_ACCOUNTS, ApiServer, minors, serving
from asking import Asker, Finding
from covering import names
from updating import changes

_SHOWN = 40
"""How many groups of disagreements are shrunk and printed."""


def main() -> int:
    """Run over some minors, all of them unless they are named."""
    number, seed, *wanted = sys.argv[1:]
    folders = {name: folder for name, folder in minors().items() if (folder / "kube-apiserver").exists()}
    if missing := [name for name in wanted or ["1.x"] if name not in folders and (wanted or not folders)]:
        sys.exit(f"no API server of {', '.join(missing)}: see KUBEBUILDER_ASSETS in CONTRIBUTING.md")
    return max([_run(folders[name], int(number), seed) for name in wanted or folders])


def _run(assets: Path, number: int, seed: str) -> int:
    """Ask the server of one minor."""
    with tempfile.TemporaryDirectory() as folder, serving(assets, Path(folder), WITHOUT_ACCOUNTS) as server:
        asker = Asker(server)
        found = _timed(asker, "objects with one odd field", asker.about_each_field())
        found += _timed(asker, "updates of one field", asker.about_each_change())
        seeds = [f"{seed}/{each}" for each in range(number)]
        found += _timed(asker, "random objects", asker.about_new(seeds))
        found += _timed(asker, "random updates", asker.about_updates(seeds[: number // 10]))
        met = _tell_met(asker, server)
        _tell(asker, found)
    return int(bool(found) or not met)


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _timed(asker: Asker, what: str, findings: Iterator[Finding]) -> list[Finding]:
    """Collect what is found, and tell how long it takes."""
    started = time.monotonic()
    found = list(findings)
    total, rejected, seconds = asker.codes.total(), asker.rejected, time.monotonic() - started
    asker.codes.clear()
    version = f"1.{asker.server.minor}"
    _print(f"{version}: {total} {what}, {total / seconds:.0f} a second, {rejected:.0%} rejected")
    return found


def _tell_met(asker: Asker, server: ApiServer) -> bool:
    """Print how many objects each rule rejected; return whether it was one at least, of every rule."""
    counts = {name: asker.met[name] for name in names(server.minor)}
    for name, times in counts.items():
        _print(f"{times:7}  {name}")
    return all(counts.values())


def _tell(asker: Asker, found: Iterable[Finding]) -> None:
    """Print disagreements in groups, the largest first, each with its smallest object."""
    found = list(found)
    groups = Counter(one.disagreement.group for one in found)
    first = {one.disagreement.group: one for one in reversed(found)}
    _print(f"1.{asker.server.minor}: {len(found)} disagreements in {len(groups)} groups")
    for group, times in groups.most_common(_SHOWN):
        small = asker.smallest(first[group])
        _print(f"\n{times} times {small.disagreement.about}:")
        _print(f"  the server {small.disagreement.server}\n  we {small.disagreement.ours}")
        for line in changes(small.before, small.tree) if small.before else ():
            _print(f"  {line}")
        _print(f"  {json.dumps(small.before or small.tree)}")


if __name__ == "__main__":
    sys.exit(main())
