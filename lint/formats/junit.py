"""JUnit's XML, which nearly every CI system shows as test results.

A finding is a test case of its own: most systems show one failure of a test case and pass over the others,
and they tell new failures from old ones by the names of test cases, so that names hold no line numbers. What
does not fail the run does not fail here.
"""

import re
from collections import Counter
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from lint import report
from lint.formats import Outcome, fix_line, object_name, told
from lint.found import Found
from lint.report import TEMPLATE

_FORBIDDEN = "[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"


def junit(outcome: Outcome) -> str:
    """Write one suite: a case for each finding, each file without one, and each that cannot be read."""
    suite = Element("testsuite", name="jobwarden")
    cases = Counter[tuple[str, str]]()
    for found in outcome.findings:
        _finding(suite, found, outcome, cases)
    for name in sorted({*outcome.manifests} - {found.file for found in outcome.findings}):
        _case(suite, name, "no findings", cases)
    for one in outcome.unreadable:
        case = _case(suite, one.path, "can be read", cases, one.line)
        _text(
            SubElement(case, "error", message=_legal(one.reason), type="unreadable"), report.unreadable(one)
        )
    for name in outcome.templates:
        case = _case(suite, name, "is no template", cases)
        SubElement(case, "failure" if outcome.strict else "skipped", message=TEMPLATE)
    kinds = Counter(result.tag for case in suite for result in case)
    counts = {"tests": len(suite), "failures": kinds["failure"], "errors": kinds["error"]}
    root = Element("testsuites", name="jobwarden")
    root.append(suite)
    for element in (root, suite):
        element.attrib |= {name: str(number) for name, number in counts.items()}
    suite.attrib |= {"skipped": str(kinds["skipped"])}
    indent(root)
    return f"<?xml version='1.0' encoding='utf-8'?>\n{tostring(root, encoding='unicode')}\n"


def _finding(suite: Element, found: Found, outcome: Outcome, cases: Counter[tuple[str, str]]) -> None:
    """Add the case of a finding."""
    violation = found.violation
    name = f"{violation.rule}: {object_name(found)} {violation.place}".rstrip()
    line, told_ = found.line, report.concise(found)
    if outcome.audit:
        line, told_ = 0, f"{violation.severity.label}[{violation.rule}] {report.visible(told(found))}"
    case = _case(suite, found.file, name, cases, line)
    text = "\n".join(filter(None, (told_, fix_line(found))))
    if violation.severity < outcome.fail_on:
        _text(SubElement(case, "system-out"), text)
        return
    kind = {"message": _legal(told(found)), "type": violation.severity.label}
    _text(SubElement(case, "failure", kind), text)


def _case(suite: Element, file: str, name: str, cases: Counter[tuple[str, str]], line: int = 0) -> Element:
    """Add a case under a name that no other has; a line of 0 is none."""
    cases[file, name] += 1
    number = cases[file, name]
    own = name if number == 1 else f"{name} ({number})"
    place = {"classname": _legal(file), "name": _legal(own), "file": _legal(file)}
    return SubElement(suite, "testcase", place | ({"line": str(line)} if line else {}) | {"time": "0"})


def _text(element: Element, text: str) -> None:
    element.text = _legal(text)


def _legal(text: str) -> str:
    """Replace the characters that XML cannot hold in any way."""
    return re.sub(_FORBIDDEN, "\ufffd", text)
