"""Addresses, as JSON patches and as Kubernetes write them."""

import pytest

from lint.path import Path, dotted, pointer


@pytest.mark.parametrize(
    ("path", "written"),
    [
        ((), ""),
        (("spec",), "/spec"),
        (("spec", "containers", 0, "image"), "/spec/containers/0/image"),
        (("metadata", "labels", "app.kubernetes.io/name"), "/metadata/labels/app.kubernetes.io~1name"),
        (("a~b", "~1"), "/a~0b/~01"),
        (("",), "/"),
        (("0", 0), "/0/0"),
    ],
)
def test_a_pointer_escapes_slashes_and_tildes(path: Path, written: str) -> None:
    assert pointer(path) == written


@pytest.mark.parametrize(
    ("path", "written"),
    [
        ((), ""),
        (("spec",), "spec"),
        (("spec", "containers", 0, "image"), "spec.containers[0].image"),
        (("metadata", "labels", "app.kubernetes.io/name"), "metadata.labels[app.kubernetes.io/name]"),
        (("resources", "requests", "cpu"), "resources.requests[cpu]"),
        (("metadata", "labels", "app"), "metadata.labels[app]"),
        (("items", 2), "items[2]"),
        (("x-y", "_a1"), "x-y._a1"),
        (("0", ""), "[0][]"),
        (("a b", "é", "a\n"), "[a b][é][a\n]"),
    ],
)
def test_a_dotted_path_has_brackets_around_indexes_and_keys_that_are_no_fields(
    path: Path, written: str
) -> None:
    assert dotted(path) == written
