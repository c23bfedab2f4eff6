"""The admission webhook: what API servers ask about Jobs, answered by the rules of the linter."""
