"""What tells one finding from all others, however far the lines around it move."""

from hashlib import sha256

from lint.found import Found

_LENGTH = 32


def fingerprint(found: Found) -> str:
    """Hash the rule, the file, the object and the place in the object; never a line or a message.

    A place in a list goes by the name of its item, where it has one. Findings that are equal in all of this
    have the same fingerprint: the caller counts them.
    """
    file = found.file.replace("\\", "/").removeprefix("./")
    told = "\0".join((found.violation.rule, file, *found.anchor))
    return sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:_LENGTH]
