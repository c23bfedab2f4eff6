"""The server behind an editor: what `jobwarden lint` says, while somebody types."""
