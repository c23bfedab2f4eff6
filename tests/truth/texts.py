"""Texts and numbers that may be in many places: pairs of good ones, and of those just beyond."""

MAX32, MAX64 = 2**31 - 1, 2**63 - 1

LONG_LABEL, LONG_NAME = "n" * 63, "n" * 253
BAD_LABELS = ("", "A", "a_b", "-a", "a-", "a.b", "a b", "ä", "n" * 64, "a" * 300)
BAD_NAMES = ("", "A", "a_b", "-a", "a..b", "a b", "ä", "n" * 254, "a/b", ".a")
BAD_KEYS = ("", "a b", "-a", "a/b/c", "/a", "a/", "A.com/x", "k" * 64, "a_.com/b", "d" * 254 + "/a", "ä")
BAD_VALUES = ("a b", "-a", "a-", "v" * 64, "ä", "a/b", "A_b.c")
WORDS = (
    *("", "Always", "Never", "OnFailure", "Indexed", "NonIndexed", "Failed", "Exists", "In", "NotIn", "True"),
    *(
        "Localhost",
        "RuntimeDefault",
        "Ignore",
        "Count",
        "FailIndex",
        "FailJob",
        "TCP",
        "None",
        "Default",
        "Gt",
    ),
    *(
        "ClusterFirst",
        "indexed",
        "Bogus",
        "Allow",
        "Forbid",
        "Equal",
        "Unknown",
        "HTTPS",
        "Memory",
        "Directory",
    ),
)

NAME = ("a", "main", "x-1", LONG_LABEL), BAD_LABELS
SUBDOMAIN = ("a", "a.b", "x-1.example.com", LONG_NAME), BAD_NAMES
FREE = ("a", "x y", "", "/x"), ("", "ä", "a" * 300, "a\nb")
KEY = (
    ("a", "example.com/a", "A_b.c", "k" * 63, "kubernetes.io/hostname", "topology.kubernetes.io/zone"),
    BAD_KEYS,
)
FILE = ("a", "a/b", "a.b"), ("", "/a", "..", "../a", "a/../b", "a/..", "..a", "a:b", "./a", "a" * 4097)
MODE = (0, 0o644, 0o777), (-1, 0o1000, 512, MAX32)
USER = (0, 1000, MAX32), (-1, MAX32 + 1, MAX64)
PORT = (1, 80, 8080, 65535), (0, -1, 65536, MAX32)
MAYBE_PORT = (80, 1, 65535, "http", "a-1"), (0, -1, 65536, "", "80", "A", "a--b", "-a", "seventeen-letters")
ENV = ("A", "a.b", "my-var", "_x"), ("", "1A", "my var", "A=B", "ä", "..", ".", "..x", "a" * 300)
DATA = ("k", "a.b", "A_b-c", ".x"), ("", "a b", "..", ".", "a/b", "k" * 254, "..x", "ä")
IP = (
    ("10.0.0.1", "::1", "2001:db8::1"),
    ("", "x", "010.0.0.1", "::ffff:1.2.3.4", "1.2.3", "1.2.3.4/8", "fe80::1%eth0"),
)
COUNT = (1, 2, 3, 10), (0, -1, MAX32)
SIGNER = (
    ("example.com/a", "kubernetes.io/kube-apiserver-client-pod"),
    ("", "a", "a/b", "A.com/x", "example.com/a b", "example.com/"),
)
QUANTITY = (
    ("1", "100m", "1Gi", "0", "0.5", 2, "500Mi", 0.5, "1e3", "2M"),
    (
        "-1",
        "1.5",
        "x",
        "1K",
        "",
        " 1",
        "1e3Ki",
        "512m",
        "0.0001",
        "Mi",
        "1Ei",
        "9223372036854775808",
        "1e99",
        1.5,
        "-0",
    ),
)
FIELD_PATHS = (
    *(
        "metadata.name",
        "metadata.namespace",
        "metadata.uid",
        "metadata.labels['a']",
        "metadata.annotations['b.c/d']",
    ),
    *(
        "spec.nodeName",
        "spec.serviceAccountName",
        "status.hostIP",
        "status.podIP",
        "status.podIPs",
        "status.hostIPs",
    ),
)
BAD_FIELD_PATHS = (
    *(
        "metadata.labels",
        "metadata.annotations",
        "",
        "spec.restartPolicy",
        "metadata.labels['a b']",
        "status.phase",
        "x",
    ),
    *(
        "metadata.name['a']",
        "metadata.labels[a]",
        "metadata.labels['']",
        "metadata.annotations['A/b']",
        "spec['a']",
    ),
)
RESOURCES = (
    ("limits.cpu", "limits.memory", "requests.cpu", "requests.memory", "limits.ephemeral-storage"),
    (
        "",
        "cpu",
        "limits.foo",
        "limits.hugepages-2Mi",
        "limits.hugepages-",
        "requests.hugepages-1Gi",
        "requests.example.com/x",
    ),
)
