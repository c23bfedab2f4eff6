"""What is said when Jobwarden itself is at fault; imports nothing that can be."""

import sys

from lint.version import VERSION


def text(error: Exception, where: str) -> str:
    """Write what to paste into an issue."""
    import traceback

    return (
        f"jobwarden: a bug of Jobwarden, met in: {where!a}.\n"
        "Please report it, with the lines below and what it was working on if you can show it.\n"
        f"jobwarden {VERSION}, Python {sys.version.split()[0]}, {sys.platform}\n"
        f"{''.join(traceback.format_exception(error))}"
    )
