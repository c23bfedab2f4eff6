"""`python -m webhook` is `jobwarden-webhook`."""

from webhook.cli import main

raise SystemExit(main())
