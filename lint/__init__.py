"""Rules about batch work in Kubernetes, and the linter that applies them to files."""
