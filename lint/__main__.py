"""`python -m lint` is `jobwarden`."""

from lint.cli import main

raise SystemExit(main())
