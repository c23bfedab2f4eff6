"""Names and texts with a fixed form; each check returns what is wrong, in the server's words.

Patterns are compiled when they are first used: most runs need few. The forms are those of
k8s.io/apimachinery/pkg/util/validation/validation.go and its content package.
"""

import re

from lint.memo import remembered

SPACES = "\t\n\v\f\r \u0085\u00a0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
"""What Go trims from a text."""

LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
SUBDOMAIN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_LABEL_TEXT = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and"
    " end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is"
    f" '{LABEL}')"
)
_SUBDOMAIN_TEXT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must"
    " start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is"
    f" '{SUBDOMAIN}')"
)
_UNDERSCORES = r"_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*"
_UNDERSCORES_TEXT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and"
    " must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is"
    f" '{_UNDERSCORES}')"
)
_QUALIFIED = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_QUALIFIED_TEXT = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric"
    f" character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '{_QUALIFIED}')"
)
_VALUE = f"({_QUALIFIED})?"
_VALUE_TEXT = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must"
    " start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used"
    f" for validation is '{_VALUE}')"
)


def size(text: str) -> int:
    """Return the length in bytes, which is what Go counts."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def longer(text: str, limit: int, unit: str = "characters") -> list[str]:
    """Say that a text is too long."""
    return [f"must be no more than {limit} {unit}"] if size(text) > limit else []


def _is_plain(text: str) -> bool:
    """Tell at little cost whether a text is of short words with hyphens between them: most names are."""
    if not (len(text) <= 63 and text.isascii() and text.islower()):
        return False
    return text.isalnum() or (text.replace("-", "").isalnum() and text[0] != "-" != text[-1])


def dns_label(text: str) -> list[str]:
    """Check a DNS label of RFC 1123."""
    if _is_plain(text):
        return []
    wrong = longer(text, 63)
    if not re.fullmatch(LABEL, text):
        wrong.append("must not contain dots" if re.fullmatch(SUBDOMAIN, text) else _LABEL_TEXT)
    return wrong


def dns_subdomain(text: str) -> list[str]:
    """Check a DNS subdomain of RFC 1123."""
    if _is_plain(text):
        return []
    return longer(text, 253) + ([] if re.fullmatch(SUBDOMAIN, text) else [_SUBDOMAIN_TEXT])


def dns_subdomain_with_underscores(text: str) -> list[str]:
    """Check a DNS subdomain in which there may be underscores."""
    return longer(text, 253) + ([] if re.fullmatch(_UNDERSCORES, text) else [_UNDERSCORES_TEXT])


def label_value(text: str) -> list[str]:
    """Check the value of a label."""
    if len(text) <= 63 and text.isascii() and (text.isalnum() or _is_plain(text)):
        return []
    return longer(text, 63, "bytes") + ([] if re.fullmatch(_VALUE, text) else [_VALUE_TEXT])


@remembered(1024)  # the same few come again and again
def _is_short_key(text: str) -> bool:
    """Tell whether a key is valid, and so short that no part is too long."""
    return len(text) <= 63 and re.fullmatch(f"({SUBDOMAIN}/)?{_QUALIFIED}", text) is not None


def qualified_name(text: str) -> list[str]:
    """Check the key of a label, or what else may have a domain in front: `example.com/name`."""
    if _is_short_key(text):
        return []
    prefix, slash, name = text.rpartition("/")
    if "/" in prefix:
        example = "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        return [f"a valid label key {_QUALIFIED_TEXT} {example}"]
    wrong = []
    if slash:
        wrong = [
            f"prefix part {each.replace('characters', 'bytes') if each.startswith('must be no') else each}"
            for each in (dns_subdomain(prefix) if prefix else ["must be non-empty"])
        ]
    if not name:
        wrong.append("name part must be non-empty")
    else:
        wrong += [f"name part {each}" for each in longer(name, 63, "bytes")]
    if not re.fullmatch(_QUALIFIED, name):
        wrong.append(f"name part {_QUALIFIED_TEXT}")
    return wrong


_ENV_TEXT = (
    "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and"
    " must not start with a digit (e.g. 'my.env-name',  or 'MY_ENV.NAME',  or 'MyEnvName1', regex used for"
    " validation is '[-._a-zA-Z][-._a-zA-Z0-9]*')"
)
_RELAXED_ENV_TEXT = (
    "a valid environment variable name must consist only of printable ASCII characters other than '='"
)
_KEY_TEXT = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or"
    " 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)
_HEADER_TEXT = (
    "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for"
    " validation is '[-A-Za-z0-9]+')"
)


def env_name(text: str, minor: int) -> list[str]:
    """Check the name of an environment variable that has one."""
    if minor >= 32:
        return [] if re.fullmatch("[ -<>-~]+", text) else [_RELAXED_ENV_TEXT]
    wrong = [] if re.fullmatch("[-._a-zA-Z][-._a-zA-Z0-9]*", text) else [_ENV_TEXT]
    return wrong + _climbs(text)


def config_key(text: str) -> list[str]:
    """Check a key of a ConfigMap or Secret."""
    wrong = longer(text, 253)
    if not re.fullmatch("[-._a-zA-Z0-9]+", text):
        wrong.append(_KEY_TEXT)
    return wrong + _climbs(text)


def _climbs(text: str) -> list[str]:
    """Say that a text leads out of a folder."""
    if text in (".", ".."):
        return [f"must not be '{text}'"]
    return ["must not start with '..'"] if text.startswith("..") else []


def header_name(text: str) -> list[str]:
    """Check the name of an HTTP header."""
    return [] if re.fullmatch("[-A-Za-z0-9]+", text) else [_HEADER_TEXT]


def port_name(text: str) -> list[str]:
    """Check the name of a port, which is that of a service at IANA."""
    if len(text) <= 15 and text.isalpha() and text.islower() and text.isascii():
        return []  # most are
    wrong = longer(text, 15)
    if not re.fullmatch("[-a-z0-9]+", text):
        wrong.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not re.search("[a-z]", text):
        wrong.append("must contain at least one letter (a-z)")
    if "--" in text:
        wrong.append("must not contain consecutive hyphens")
    if text.startswith("-") or text.endswith("-"):
        wrong.append("must not begin or end with a hyphen")
    return wrong


def number_in(number: int, lowest: int, highest: int) -> list[str]:
    """Check that a number is in a range."""
    inside = lowest <= number <= highest
    return [] if inside else [f"must be between {lowest} and {highest}, inclusive"]


def inside_path(path: str) -> list[str]:
    """Check that a path is relative, and does not lead out of where it starts."""
    return (["must be a relative path"] if path.startswith("/") else []) + no_backsteps(path)


def no_backsteps(path: str) -> list[str]:
    """Check that a path does not climb."""
    return ["must not contain '..'"] if ".." in path.split("/") else []
