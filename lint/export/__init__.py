"""The policy as the API server's own admission policies, which need no webhook.

The expressions stand here and not beside the rules' checks: a lint run imports the rules that it asks,
and only `jobwarden export` has use for this.
"""
