"""Fixes as text: what they write is what they say, where a person would write it, and nothing else moves."""

import json
from random import Random
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import event, given, reject, settings
from hypothesis import strategies as st

from lint.document import Document, end_of, parse
from lint.edit import Edit, EditError, Remove, Set, apply, same
from lint.splice import Refused, splice
from manifests import OBJECTS, Layout, as_json, edits, paths

RESOURCES = {"requests": {"cpu": "100m", "memory": "64Mi"}}
SPOT = {"key": "spot", "operator": "Exists"}


def case(name: str, before: str, after: str, *made: Edit) -> Any:
    """Name a text before and after edits."""
    return pytest.param(dedent(before), dedent(after), made, id=name)


def spliced(before: str, *made: Edit, is_json: bool = False) -> str:
    """Return a text after edits."""
    return splice(parse(before, json=is_json), made).text


SCALARS = [
    case(
        "behind the last scalar, not behind the template",
        """\
        kind: Job
        spec:
          parallelism: 2
          backoffLimit: 3  # tries
          # the pods
          template:
            spec: {}
        """,
        """\
        kind: Job
        spec:
          parallelism: 2
          backoffLimit: 3  # tries
          suspend: true
          # the pods
          template:
            spec: {}
        """,
        Set(("spec", "suspend"), value=True),
    ),
    case(
        "above the template where there is nothing else",
        """\
        spec:
          template:
            spec: {}
        """,
        """\
        spec:
          backoffLimit: 3
          template:
            spec: {}
        """,
        Set(("spec", "backoffLimit"), 3),
    ),
    case(
        "above the comments of the first collection",
        """\
        spec:  # of the Job
          # what is done

          # the pods
          # of the report
          template:  # one
            spec: {}
        """,
        """\
        spec:  # of the Job
          # what is done

          backoffLimit: 3
          # the pods
          # of the report
          template:  # one
            spec: {}
        """,
        Set(("spec", "backoffLimit"), 3),
    ),
    case(
        "behind the dash, before a collection that stands there",
        """\
        containers:
        - command: [report]
          args: [--all]
        """,
        """\
        containers:
        - name: report
          image: report:1
          command: [report]
          args: [--all]
        """,
        Set(("containers", 0, "name"), "report"),
        Set(("containers", 0, "image"), "report:1"),
    ),
    case(
        "behind a scalar of several lines",
        """\
        a: one
          two
        b: "three
          four"  # five
        c: [six]
        """,
        """\
        a: one
          two
        b: "three
          four"  # five
        d: 7
        c: [six]
        """,
        Set(("d",), 7),
    ),
    case(
        "behind a key without a value",
        """\
        spec:
          suspend:  # not decided
          template: {}
        """,
        """\
        spec:
          suspend:  # not decided
          backoffLimit: 3
          template: {}
        """,
        Set(("spec", "backoffLimit"), 3),
    ),
    case(
        "behind the comments that go on below it",
        """\
        spec:
          backoffLimit: 3  # three tries
                           # are enough
          # the pods
          template: {}
        """,
        """\
        spec:
          backoffLimit: 3  # three tries
                           # are enough
          suspend: true
          # the pods
          template: {}
        """,
        Set(("spec", "suspend"), value=True),
    ),
    case(
        "behind a merge key that brings the same",
        """\
        base: &base {backoffLimit: 1}
        spec:
          suspend: true
          <<: *base
          template: {}
        """,
        """\
        base: &base {backoffLimit: 1}
        spec:
          suspend: true
          <<: *base
          backoffLimit: 3
          template: {}
        """,
        Set(("spec", "backoffLimit"), 3),
    ),
    case(
        "in a CronJob, several at once",
        """\
        spec:
          schedule: "0 3 * * *"
          jobTemplate:
            spec:
              template:
                spec:
                  containers: []
        """,
        """\
        spec:
          schedule: "0 3 * * *"
          timeZone: Etc/UTC
          jobTemplate:
            spec:
              backoffLimit: 3
              activeDeadlineSeconds: 3600
              template:
                spec:
                  restartPolicy: Never
                  containers: []
        """,
        Set(("spec", "jobTemplate", "spec", "backoffLimit"), 3),
        Set(("spec", "timeZone"), "Etc/UTC"),
        Set(("spec", "jobTemplate", "spec", "activeDeadlineSeconds"), 3600),
        Set(("spec", "jobTemplate", "spec", "template", "spec", "restartPolicy"), "Never"),
    ),
]


@pytest.mark.parametrize(("before", "after", "made"), SCALARS)
def test_a_new_scalar_goes(before: str, after: str, made: tuple[Edit, ...]) -> None:
    assert spliced(before, *made) == after


COLLECTIONS = [
    case(
        "at the end of a container",
        """\
        containers:
          - name: a
            image: a:1  # pinned
            # env: []
          - image: b:1
            args:
              - x
        """,
        """\
        containers:
          - name: a
            image: a:1  # pinned
            resources:
              requests:
                cpu: 100m
                memory: 64Mi
            # env: []
          - image: b:1
            args:
              - x
            resources:
              requests:
                cpu: 100m
                memory: 64Mi
        """,
        Set(("containers", 0, "resources"), RESOURCES),
        Set(("containers", 1, "resources"), RESOURCES),
    ),
    case(
        "behind comments that are indented deeper",
        """\
        spec:
          containers:
          - name: a
            env:
            - name: b
              # value: c

            # image: d
          # - name: sidecar
        """,
        """\
        spec:
          containers:
          - name: a
            env:
            - name: b
              # value: c

            # image: d
          tolerations:
          - key: spot
            operator: Exists
          # - name: sidecar
        """,
        Set(("spec", "tolerations", 0), SPOT),
    ),
    case(
        "into a map that is there",
        """\
        resources:
          requests:
            cpu: 100m  # measured
          limits: {memory: 1Gi}
        """,
        """\
        resources:
          requests:
            cpu: 100m  # measured
            memory: 64Mi
          limits: {memory: 1Gi, cpu: 1}
        """,
        Set(("resources", "requests", "memory"), "64Mi"),
        Set(("resources", "limits", "cpu"), 1),
    ),
    *(
        case(
            f"below a key with {value or 'nothing'}",
            f"""\
            - name: a
              resources:{value and " "}{value}
            - resources:  {value}  # later
              name: b
            """,
            f"""\
            - name: a
              resources:
                requests:
                  cpu: 100m
                  memory: 64Mi
            - resources:{"" if value else "  "}  # later
                requests:
                  cpu: 100m
                  memory: 64Mi
              name: b
            """,
            Set((0, "resources", "requests", "cpu"), "100m"),
            Set((0, "resources", "requests", "memory"), "64Mi"),
            Set((1, "resources"), RESOURCES),
        )
        for value in ("", "{}", "null", "~", "{ }")
    ),
    case(
        "below a key with something else",
        """\
        resources: none  # at all
        exitCodes: 3  # for now
        """,
        """\
        resources:  # at all
          requests:
            cpu: 100m
            memory: 64Mi
        exitCodes: [3, 4]  # for now
        """,
        Set(("resources",), RESOURCES),
        Set(("exitCodes",), [3, 4]),
    ),
    case(
        "into an item that is empty",
        """\
        containers:
        - name: a
        -
        - {}
        -   null
        """,
        """\
        containers:
        - name: a
        - name: b
          env: []
        - name: c
        -   name: d
            env: []
        """,
        Set(("containers", 1), {"name": "b", "env": []}),
        Set(("containers", 2), {"name": "c"}),
        Set(("containers", 3), {"name": "d", "env": []}),
    ),
]


@pytest.mark.parametrize(("before", "after", "made"), COLLECTIONS)
def test_a_new_collection_goes(before: str, after: str, made: tuple[Edit, ...]) -> None:
    assert spliced(before, *made) == after


LISTS = [
    case(
        "with its dashes below the key",
        """\
        tolerations:
          - key: a  # one

          # two
          - key: b
        nodeName: c
        """,
        """\
        tolerations:
          - key: a  # one

          # two
          - key: b
          - key: spot
            operator: Exists
        nodeName: c
        """,
        Set(("tolerations", 2), SPOT),
    ),
    case(
        "with its dashes at the column of the key",
        """\
        tolerations:
        - key: a
          # operator: Exists
        # - key: b
        nodeName: c
        """,
        """\
        tolerations:
        - key: a
          # operator: Exists
        - key: spot
          operator: Exists
        # - key: b
        nodeName: c
        """,
        Set(("tolerations", 1), SPOT),
    ),
    case(
        "with much space behind its dashes",
        """\
        tolerations:
        -   key: a
        """,
        """\
        tolerations:
        -   key: a
        -   key: spot
            operator: Exists
        """,
        Set(("tolerations", 1), SPOT),
    ),
    case(
        "of lists",
        """\
        - - a
          - b
        - - - c
        """,
        """\
        - - a
          - b
          - x
        - - - c
            - x
        - - x
        """,
        Set((0, 2), "x"),
        Set((1, 0, 1), "x"),
        Set((2,), ["x"]),
    ),
    case(
        "of quoted strings",
        """\
        args:
          - "a"
          - 'b'
        command: ["sh", "-c"]
        """,
        """\
        args:
          - "a"
          - 'b'
          - 'c'
        command: ["sh", "-c", "true"]
        """,
        Set(("args", 2), "c"),
        Set(("command", 2), "true"),
    ),
    case(
        "that is empty, or not there",
        """\
        spec:
          containers:
          - name: a
          volumes: []
        """,
        """\
        spec:
          containers:
          - name: a
          volumes:
          - name: b
          - name: c
          tolerations:
          - key: spot
            operator: Exists
        """,
        Set(("spec", "volumes", 0, "name"), "b"),
        Set(("spec", "volumes", 1, "name"), "c"),
        Set(("spec", "tolerations", 0), SPOT),
    ),
    case(
        "in flow style",
        """\
        a: [1, 2]
        b: [1, 2,]
        c: [ {d: 1} ]  # e
        f: [
          1,  # one
          2,  # two
        ]
        g: [
          1,  # one
          2  # two
        ]
        h: [1,
            2]
        """,
        """\
        a: [1, 2, 3]
        b: [1, 2, 3,]
        c: [ {d: 1}, {d: 2, e: []} ]  # e
        f: [
          1,  # one
          2,  # two
          3,
        ]
        g: [
          1,  # one
          2,  # two
          3
        ]
        h: [1,
            2,
            3]
        """,
        *(Set((key, 2), 3) for key in "abfgh"),
        Set(("c", 1), {"d": 2, "e": []}),
    ),
]


@pytest.mark.parametrize(("before", "after", "made"), LISTS)
def test_an_item_is_added_to_a_list(before: str, after: str, made: tuple[Edit, ...]) -> None:
    assert spliced(before, *made) == after


FLOW = [
    case(
        "on one line",
        """\
        containers:
          - {name: a, image: b}  # c
          - { name: a, resources: {} }
        """,
        """\
        containers:
          - {name: a, image: b, resources: {requests: {cpu: 100m, memory: 64Mi}}}  # c
          - { name: a, resources: {requests: {cpu: 100m, memory: 64Mi}} }
        """,
        Set(("containers", 0, "resources"), RESOURCES),
        Set(("containers", 1, "resources"), RESOURCES),
    ),
    case(
        "on several lines",
        """\
        {
          # one
          a: 1,  # first
          b: {c: 2},
          d: 3,  # last
          # end
        }
        """,
        """\
        {
          # one
          a: 1,  # first
          b: {c: 2, x: 0},
          d: 3,  # last
          e: {f: [4]},
          # end
        }
        """,
        Set(("e",), {"f": [4]}),
        Set(("b", "x"), 0),
    ),
    case(
        "on several lines, with the values on several",
        """\
        {
          a: {
            b: 1
          }
        }
        """,
        """\
        {
          a: {
            b: 1
          },
          c: {
            d: 2,
            e: [
              3
            ],
            f: {}
          }
        }
        """,
        Set(("c",), {"d": 2, "e": [3], "f": {}}),
    ),
    case(
        "with quotes as in JSON",
        """\
        selector: {"app": "a"}
        labels: {"a.b/c": d}
        """,
        """\
        selector: {"app": "a", "tier": "b"}
        labels: {"a.b/c": d, tier: b}
        """,
        Set(("selector", "tier"), "b"),
        Set(("labels", "tier"), "b"),
    ),
    case(
        "behind a key without a value",
        "{a: 1, b: , c}\n",
        "{a: 1, b: 2, c, d: 3}\n",
        Set(("b",), 2),
        Set(("d",), 3),
    ),
]


@pytest.mark.parametrize(("before", "after", "made"), FLOW)
def test_flow_style_stays_flow_style(before: str, after: str, made: tuple[Edit, ...]) -> None:
    assert spliced(before, *made) == after


@pytest.mark.parametrize("separators", [(", ", ": "), (",", ":")])
@pytest.mark.parametrize("indent", [None, 2, 4, "\t"])
def test_json_looks_as_if_it_had_been_printed_like_that(
    indent: int | str | None, separators: tuple[str, str]
) -> None:
    job = {"kind": "Job", "spec": {"template": {"x": [1]}, "list": [{"a": 1}], "empty": {}, "last": None}}
    made = (
        Set(("spec", "backoffLimit"), 3),
        Set(("spec", "resources"), RESOURCES),
        Set(("spec", "empty", "new"), ["text", {}]),
        Set(("spec", "list", 1), {"b": "c"}),
        Set(("kind",), "CronJob"),
        Remove(("spec", "template", "x")),
    )

    def printed(value: Any) -> str:
        return (
            json.dumps(value, indent=indent, separators=separators if indent is None else (",", ": ")) + "\n"
        )

    assert spliced(printed(job), *made, is_json=True) == printed(apply(job, made))


VALUES = [
    case(
        "with the quotes and the comment that were there",
        """\
        a: 'one'  # first
        b: "two"
        c:    three   # third
        d: four
        """,
        """\
        a: 'it''s'  # first
        b: "2"
        c:    3   # third
        d: "4"
        """,
        Set(("a",), "it's"),
        Set(("b",), "2"),
        Set(("c",), 3),
        Set(("d",), "4"),
    ),
    case(
        "without quotes when it is no string any more",
        """\
        a: "1"
        b: 'true'
        """,
        """\
        a: 1
        b: true
        """,
        Set(("a",), 1),
        Set(("b",), value=True),
    ),
    case(
        "where nothing was",
        """\
        a:
        b: ~
        c: # three
        list:
        -
        - ""
        """,
        """\
        a: 1
        b: 2
        c: 3 # three
        list:
        - 4
        - "5"
        """,
        Set(("a",), 1),
        Set(("b",), 2),
        Set(("c",), 3),
        Set(("list", 0), 4),
        Set(("list", 1), "5"),
    ),
    case(
        "where something long was",
        """\
        a: |
          one
          two

        b: three
          four  # five
        c: >-
          six
        """,
        """\
        a: 1

        b: 2  # five
        c: {}
        """,
        Set(("a",), 1),
        Set(("b",), 2),
        Set(("c",), {}),
    ),
    case(
        "where a block was",
        """\
        a:  # one
          b: 2
          c: [3]
        # four
        d:
        - 5
        e: 6
        """,
        """\
        a: []  # one
        # four
        d: none
        e: 6
        """,
        Set(("a",), []),
        Set(("d",), "none"),
    ),
    case(
        "as a block where another one was",
        """\
        a:  # one
            b: 2
        c:
        - 3
        d: 4
        """,
        """\
        a:  # one
        - 5
        - 6
        c:
            e: 7
        d: 4
        """,
        Set(("a",), [5, 6]),
        Set(("c",), {"e": 7}),
    ),
    case(
        "only where it differs",
        """\
        labels:
          app: a  # the app
          tier: b
        values:
          - 0  # fine
          - 137
        tolerations: [{key: a}, {key: b, operator: Equal}]
        """,
        """\
        labels:
          app: c  # the app
          tier: b
          team: d
        values:
          - 1  # fine
          - 137
          - 143
        tolerations: [{key: a}, {key: b, operator: Exists}, {key: c}]
        """,
        Set(("labels",), {"app": "c", "tier": "b", "team": "d"}),
        Set(("values",), [1, 137, 143]),
        Set(("tolerations",), [{"key": "a"}, {"key": "b", "operator": "Exists"}, {"key": "c"}]),
    ),
    case(
        "where an alias was",
        """\
        a: &one 1
        b: *one  # the same
        """,
        """\
        a: &one 1
        b: 2  # the same
        """,
        Set(("b",), 2),
    ),
    case(
        "where an anchor and a tag were that nobody needs",
        """\
        a: &one !!str 1
        b: &two
          c: 1
        """,
        """\
        a: 2
        b: &two {}
        """,
        Set(("a",), 2),
        Set(("b",), {}),
    ),
]


@pytest.mark.parametrize(("before", "after", "made"), VALUES)
def test_a_value_is_written(before: str, after: str, made: tuple[Edit, ...]) -> None:
    assert spliced(before, *made) == after


@pytest.mark.parametrize(
    ("value", "written"),
    [
        *(
            ("a", "a"),
            ("a.b/c:1@x-y_z+", "a.b/c:1@x-y_z+"),
            ("a.b/c:1@x-y", "a.b/c:1@x-y"),
            ("1.4-alpine", "1.4-alpine"),
        ),
        *(
            (word, f'"{word}"')
            for word in "y no on True null ~ 1 010 1_000 0o7 1e3 .5 .inf - -a * & ! % @ # ? : { [ ` |".split()
        ),
        *(
            ("", '""'),
            (" a", '" a"'),
            ("a b", '"a b"'),
            ("a: b", '"a: b"'),
            ("a #b", '"a #b"'),
            ("a,b", '"a,b"'),
        ),
        *(
            ("100m", "100m"),
            ("64Mi", "64Mi"),
            ("1:30", "1:30"),
            ("0 3 * * *", '"0 3 * * *"'),
            ("/bin/sh", "/bin/sh"),
        ),
        *(
            ("2001-01-01", "2001-01-01"),
            ('"', r'"\""'),
            ("\\", r'"\\"'),
            ("a\nb", r'"a\nb"'),
            ("é", '"é"'),
            ("😀", '"😀"'),
        ),
        *(
            ("\x7f", r'"\u007f"'),
            ("\u2028", r'"\u2028"'),
            ("\ufeff", r'"\ufeff"'),
            ("\x85", r'"\u0085"'),
            ("<<", '"<<"'),
        ),
        *(
            (None, "null"),
            (True, "true"),
            (3, "3"),
            (-1, "-1"),
            (0.5, "0.5"),
            (1e-7, "1e-07"),
            ({}, "{}"),
            ([], "[]"),
        ),
    ],
)
def test_a_value_has_quotes_only_where_kubernetes_would_read_something_else(value: Any, written: str) -> None:
    assert spliced("b: 1\n", Set(("a",), value)) == f"b: 1\na: {written}\n"


CUTS = [
    case(
        "with its line and the comment on it",
        """\
        spec:
          # three tries
          backoffLimit: 3  # tries

          # no more than one
          manualSelector: true
          template: {}
        """,
        """\
        spec:
          # three tries

          # no more than one
          manualSelector: true
          template: {}
        """,
        Remove(("spec", "backoffLimit")),
    ),
    case(
        "with all its lines",
        """\
        spec:
          selector:  # whose
            matchLabels:
              app: a  # mine
          args:
            - |+
              text

            - last
          template: {}
        """,
        """\
        spec:
          args:
            - last
          template: {}
        """,
        Remove(("spec", "selector")),
        Remove(("spec", "args", 0)),
    ),
    case(
        "behind a dash",
        """\
        - name: a  # first
          image: b
          tag: c
        - image: d
          name: e
        """,
        """\
        - tag: c
        - image: d
        """,
        Remove((0, "name")),
        Remove((0, "image")),
        Remove((1, "name")),
    ),
    case(
        "as the last of its kind",
        """\
        labels:  # none
          # of them
          app: a
          tier: b
        args:
        - c
        env: [{name: d}]
        """,
        """\
        labels: {}  # none
          # of them
        args: []
        env: [{}]
        """,
        Remove(("labels", "app")),
        Remove(("labels", "tier")),
        Remove(("args", 0)),
        Remove(("env", 0, "name")),
    ),
    case(
        "in flow style",
        """\
        a: {b: 1, c: 2, d: 3}
        e: [1, 2, 3,]
        f: [ 1, 2 ]
        g: {
          h: 1,  # one
          i: 2,  # two
          j: 3  # three
        }
        """,
        """\
        a: {c: 2}
        e: [1, 2,]
        f: [ 2 ]
        g: {
          h: 1  # one
        }
        """,
        Remove(("a", "b")),
        Remove(("a", "d")),
        Remove(("e", 2)),
        Remove(("f", 0)),
        Remove(("g", "i")),
        Remove(("g", "j")),
    ),
    case(
        "with every key of that name",
        """\
        a: 1
        b: 2
        a: 3
        """,
        """\
        b: 2
        """,
        Remove(("a",)),
    ),
    case(
        "and another one comes",
        """\
        spec:
          old: 1
          template: {}
        name:  # one
          old: 2  # two
        """,
        """\
        spec:
          new: 1
          template: {}
        name:  # one
          new: 2
        """,
        Remove(("spec", "old")),
        Set(("spec", "new"), 1),
        Remove(("name", "old")),
        Set(("name", "new"), 2),
    ),
]


@pytest.mark.parametrize(("before", "after", "made"), CUTS)
def test_an_entry_goes_away(before: str, after: str, made: tuple[Edit, ...]) -> None:
    assert spliced(before, *made) == after


BLOCK_SCALARS = [
    ("|\n  x\n", "|\n  x\nb: 1\n"),
    ("|\n  x\n\n\n", "|\n  x\nb: 1\n\n\n"),
    ("|-\n  x\n\n", "|-\n  x\nb: 1\n\n"),
    ("|+\n  x\n\n", "|+\n  x\n\nb: 1\n"),
    ("|+  # c\n  x\n\n# d\n", "|+  # c\n  x\n\nb: 1\n# d\n"),
    ("|2\n   x\n", "|2\n   x\nb: 1\n"),
    ("|\n  x\n    \n", "|\n  x\n    \nb: 1\n"),
    (">\n  x\n  y\n\n", ">\n  x\n  y\nb: 1\n\n"),
    ("|\n  # x\n# c\n", "|\n  # x\nb: 1\n# c\n"),
    ("|\n  x", "|\n  x\nb: 1"),
    ("|-\n  x", "|-\n  x\nb: 1"),
    ("|+\n  x", "|+\n  x\nb: 1"),
    ("|\n", "|\nb: 1\n"),
    ("|+\n\n", "|+\n\nb: 1\n"),
]


@pytest.mark.parametrize(("scalar", "after"), BLOCK_SCALARS)
def test_a_key_behind_a_block_scalar_is_not_part_of_it(scalar: str, after: str) -> None:
    assert spliced(f"a: {scalar}", Set(("b",), 1)) == f"a: {after}"


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("end", ["", "\n", "\n\n", "\n# c\n", "\n# c", "  # c", "\n...\n", "\n...\nb: [\n"])
def test_line_breaks_and_the_end_of_the_text_stay(newline: str, end: str) -> None:
    before = f"spec:\n  a: 1{end}".replace("\n", newline)

    after = spliced(before, Set(("spec", "b"), 1), Set(("spec", "c", "d"), 1))

    tail = end if end.startswith(" ") else ""
    added = f"\n  b: 1\n  c:\n    d: 1{end.removeprefix(tail)}"
    assert after == f"spec:\n  a: 1{tail}{added}".replace("\n", newline)


def test_where_line_breaks_are_mixed_that_of_the_line_above_is_taken() -> None:
    after = spliced("a:\r\n  b: 1\r\nc:\n  d: 1\n", Set(("a", "x"), 1), Set(("c", "x"), 1))

    assert after == "a:\r\n  b: 1\r\n  x: 1\r\nc:\n  d: 1\n  x: 1\n"


@pytest.mark.parametrize(("step", "dash"), [(2, 0), (2, 2), (4, 0), (4, 4), (3, 1)])
def test_indentation_is_that_of_the_neighbours(step: int, dash: int) -> None:
    before = f"a:\n{' ' * step}b: 1\nc:\n{' ' * dash}- d\n"

    after = spliced(before, Set(("a", "e"), {"f": {"g": 1}, "h": [2]}))

    lines = [
        "e:",
        " " * step + "f:",
        " " * (2 * step) + "g: 1",
        " " * step + "h:",
        " " * (step + dash) + "- 2",
    ]
    assert after == before.replace("c:", "".join(f"{' ' * step}{line}\n" for line in lines) + "c:")


@pytest.mark.parametrize(
    ("before", "edit", "reason"),
    [
        ("a: &x {b: 1}\nc: *x\n", Set(("a", "b"), 2), "a is an anchor that aliases repeat"),
        ("a: &x 1\nc: *x\n", Set(("a",), 2), "a is an anchor that aliases repeat"),
        ("a: &x {b: 1}\nc: *x\n", Set(("c", "b"), 2), "c is an alias"),
        ("a: &x {b: 1}\nc:\n  <<: *x\n  d: 1\n", Remove(("c", "b")), "c.b comes from a merge key"),
        ("a: &x {b: {d: 1}}\nc:\n  <<: *x\n", Set(("c", "b", "d"), 2), "c.b comes from a merge key"),
        ("a:\n  # c\n  - 1\nb: 2\n", Remove(("a",)), "a comment would be lost"),
        ("a: [1,\n  # c\n  2]\n", Set(("a",), 3), "a comment would be lost"),
        ("a:\n  - 1  # c\n", Set(("a",), 3), "a comment would be lost"),
        ("- a: 1\n  # c\n  b: 2\n", Remove((0, "a")), "a comment would be lost"),
        ("a: 1\n", Set(("a", "b"), 1), "a has no place for 'b'"),
        ("a: 1\n", Remove(()), "the whole object cannot be removed"),
        ("a: 1\rb: [2]\r", Set(("c",), 3), "something else stands on the line behind a"),
        (
            "a: &x [1]\nb: *x\nc: 1\n",
            Remove(("a",)),
            "the layout around a does not allow it without changing something else",
        ),
    ],
)
def test_what_cannot_be_written_is_refused_with_the_reason(before: str, edit: Edit, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        spliced(before, edit)

    assert str(refused.value) == reason


def test_edits_that_change_nothing_give_the_same_document() -> None:
    document = parse("a: 1\nb: [2]\n")

    assert splice(document, ()) is document
    assert splice(document, (Set(("a",), 1), Set(("b",), [2]), Remove(("c",)))) is document
    assert splice(document, (Set(("c",), 1), Remove(("c",)))) is document


def test_either_all_edits_are_made_or_none() -> None:
    document = parse("a: 1\nb: &x [1]\nc: *x\n")

    with pytest.raises(Refused):
        splice(document, (Set(("a",), 2), Set(("c", 1), 1)))

    assert document.text == "a: 1\nb: &x [1]\nc: *x\n"


def test_edits_build_on_each_other() -> None:
    made = (
        Set(("a", "b", "c"), 1),
        Set(("a", "b", "d"), [1]),
        Set(("a", "b", "d", 1), {"e": 2}),
        Remove(("a", "b", "c")),
        Set(("x", 0), 1),
        Set(("x", 1), 2),
        Set(("z",), 0),
    )

    assert spliced("z: 1\n", *made) == "z: 0\na:\n  b:\n    d:\n      - 1\n      - e: 2\nx:\n  - 1\n  - 2\n"


def test_a_list_of_many_jobs_takes_seconds() -> None:
    job = """\
- kind: Job
  spec:
    template:
      spec:
        containers:
        - name: a
          image: a:1
"""
    pod = ("spec", "template", "spec")
    made = [
        Set(("items", index, *path), value)
        for index in range(300)
        for path, value in [(("spec", "backoffLimit"), 3), ((*pod, "containers", 0, "resources"), RESOURCES)]
    ]

    after = spliced(f"kind: List\nitems:\n{job * 300}", *made)

    assert after.count("\n    backoffLimit: 3\n    template:\n") == 300
    assert after.count("          image: a:1\n          resources:\n            requests:\n") == 300


REASONS = (
    "a comment would be lost",
    "an anchor that aliases repeat",
    "is an alias",
    "comes from a merge key",
    "two changes meet",
)
"""Why random edits may be refused, in layouts that are odd enough."""


def attempted(document: Document, *made: Edit) -> Document | None:
    """Return the document after edits, after a look at what it says; None if they are refused."""
    expected = apply(document.value, made)
    try:
        result = splice(document, made)
    except Refused as refused:
        reason = next((one for one in REASONS if one in str(refused)), "the layout")
        assert reason != "the layout" or any(mark in document.text for mark in "?&|")
        event(f"refused: {reason}")
        return None
    assert same(parse(result.text, json=document.json).value, expected)
    return result


def drawn(data: st.DataObject, tree: dict[str, Any], seed: int) -> tuple[Document, Edit]:
    """Lay a tree out, and draw an edit."""
    edit = data.draw(edits(tree))
    try:
        apply(tree, (edit,))
    except EditError:
        reject()
    return parse(Layout(Random(seed)).text(tree)), edit


@given(st.data(), OBJECTS, st.integers(0, 2**32))
@settings(max_examples=200, deadline=None)
def test_no_comment_is_lost_but_those_on_lines_that_go(
    data: st.DataObject, tree: dict[str, Any], seed: int
) -> None:
    document, edit = drawn(data, tree, seed)
    result = attempted(document, edit)
    if result is None:
        return

    new = [comment for _, comment in result.comments.values()]
    kept = [comment for _, comment in document.comments.values() if comment in new]
    lost = [line for line, (_, comment) in document.comments.items() if comment not in new]

    assert new == kept
    assert not lost or isinstance(edit, Remove) or isinstance(edit.value, dict | list)
    assert not any(document.is_comment_line(line) for line in lost)


@given(st.data(), OBJECTS, st.integers(0, 2**32))
@settings(max_examples=200, deadline=None)
def test_only_the_lines_of_a_value_change(data: st.DataObject, tree: dict[str, Any], seed: int) -> None:
    document, edit = drawn(data, tree, seed)
    result = attempted(document, edit)
    if result is None:
        return
    start, end = lines_of(document, edit)

    before, after = document.text[:start], document.text[end:]

    assert result.text[:start] == before
    assert after == "" or result.text.endswith(after)


def lines_of(document: Document, edit: Edit) -> tuple[int, int]:
    """Return where the lines of what an edit changes begin and end; of its parent, if it is not there."""
    span = (0, len(document.text))
    node, text = document.root, document.text
    for step in edit.path:
        found = node.find(step)
        siblings = node.pairs or node.children
        if found is None or found[2] is not node or node.flow:
            break
        key = found[0]
        if isinstance(edit, Remove) and step == edit.path[-1] and (len(siblings) == 1 or key is None):
            break  # the parent is empty then, or it has an item less: of equal ones, any
        node = found[1]
        start = text.rfind("\n", 0, key.start if key else text.rindex("-", 0, node.start)) + 1
        ends = text.find("\n", max(end_of(text, node), node.end) - 1)
        moves = isinstance(edit, Remove) and key and text[start : key.start].strip()  # the next key comes up
        span = (start, len(text) if ends < 0 or moves else ends + 1)
    return span


@given(st.data(), OBJECTS, st.integers(0, 2**32))
@settings(max_examples=150, deadline=None)
def test_what_is_added_and_removed_again_leaves_no_trace(
    data: st.DataObject, tree: dict[str, Any], seed: int
) -> None:
    document, edit = drawn(data, tree, seed)
    holder: Any = tree
    above = 0
    while above < len(edit.path) and (edit.path[above] in holder if isinstance(holder, dict) else holder):
        if edit.path[above] == len(holder):
            break
        holder, above = holder[edit.path[above]], above + 1
    if above == len(edit.path) or not holder or isinstance(edit, Remove):
        return
    result = attempted(document, edit)
    if result is None:
        return

    again = attempted(result, Remove(edit.path[: above + 1]))

    assert again is None or again.text.rstrip() == document.text.rstrip()


@given(st.data(), OBJECTS, st.integers(0, 2**32))
@settings(max_examples=150, deadline=None)
def test_edits_may_be_made_at_once(data: st.DataObject, tree: dict[str, Any], seed: int) -> None:
    document, current, made = parse(Layout(Random(seed)).text(tree)), tree, list[Edit]()
    for _ in range(data.draw(st.integers(2, 5))):
        if paths(current):
            made.append(data.draw(edits(current)))
            try:
                current = apply(current, (made[-1],))
            except EditError:
                made.pop()

    attempted(document, *made)


@given(st.data(), OBJECTS, st.integers(0, 2**32))
@settings(max_examples=150, deadline=None)
def test_json_stays_json(data: st.DataObject, tree: dict[str, Any], seed: int) -> None:
    _, edit = drawn(data, tree, seed)
    document = parse(as_json(Random(seed), tree), json=True)

    result = attempted(document, edit)

    assert result is not None
    assert same(json.loads(result.text), apply(tree, (edit,)))
