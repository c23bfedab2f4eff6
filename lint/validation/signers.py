"""Names of signers and of their trust bundles.

The forms are those of pkg/apis/core/validation/names.go.
"""

from collections.abc import Callable, Iterator

from lint.path import Path, dotted
from lint.validation import names
from lint.validation.cause import Cause, invalid, required, too_long
from lint.validation.golang import quoted

_SIGNER_LIMIT = 571
_ANNOTATIONS_LIMIT = 256 * 1024
_PATH = "must be a fully qualified domain and path of the form 'example.com/signer-name'"
_DOTS = "should be a domain with at least two segments separated by dots"


def signer_name(name: str, at: Path) -> Iterator[Cause]:
    """Check the name of a signer: a domain and a path."""
    if not name:
        yield required(at)
        return
    domain, _, path = name.partition("/")
    if name.count("/") != 1:
        yield invalid(at, name, _PATH)
        return
    if names.size(domain) > 253:
        yield too_long(at, 253)
    labels = domain.split(".")
    for label, wrong in _first_wrong(labels, names.dns_label):
        yield invalid(at, domain, f"validating label {quoted(label)}: {wrong}")
    if len(labels) < 2:
        yield invalid(at, domain, _DOTS)
    for label, wrong in _first_wrong(path.split("."), names.dns_subdomain):
        yield invalid(at, path, f"validating label {quoted(label)}: {wrong}")
    if names.size(name) > _SIGNER_LIMIT:
        yield too_long(at, _SIGNER_LIMIT)


def _first_wrong(labels: list[str], check: Callable[[str], list[str]]) -> Iterator[tuple[str, str]]:
    """Return what is wrong with the first label that is wrong."""
    for label in labels:
        if found := check(label):
            yield from ((label, wrong) for wrong in found)
            return


def is_of_kubernetes(signer: str) -> bool:
    """Tell whether a signer is one of Kubernetes itself."""
    domain = signer.partition("/")[0]
    return domain == "kubernetes.io" or domain.endswith(".kubernetes.io")


def bundle_name(name: str, at: Path) -> Iterator[Cause]:
    """Check the name of a trust bundle: the signer's comes first, with colons, if it has one."""
    if not name:
        yield required(at, "must be a valid object name")
    signer, colon, own = name.rpartition(":")
    prefix = signer.replace("/", ":")
    if prefix != signer:
        full = signer.replace(":", "/")
        wrong = [f"ClusterTrustBundle for signerName {full} must be named with prefix {prefix}:"]
    else:
        wrong = names.dns_subdomain(own)
    if colon and not signer:
        wrong = ['ClusterTrustBundle without signer name must not have ":" in its name']
    for each in wrong:
        yield invalid(at, name, f"not a valid clustertrustbundlename: {each}")


def user_annotations(annotations: dict[str, str], at: Path) -> Iterator[Cause]:
    """Check what is told to a signer beside its name."""
    for key in annotations:
        low = key.lower()
        wrong = names.qualified_name(low)
        if not low:
            yield required(at)
            continue
        if not wrong and "/" not in low:
            wrong = ['must be a domain-prefixed key (such as "acme.io/foo")']
        for each in wrong:
            yield invalid((*at, key), low, each, dotted(at))
    if sum(names.size(key) + names.size(value) for key, value in annotations.items()) > _ANNOTATIONS_LIMIT:
        yield too_long(at, _ANNOTATIONS_LIMIT)
