"""What is said of volumes is what API servers say."""

from typing import TYPE_CHECKING, Any

import pytest
from pod_causes import AT, cases, disagreements, found, in_short, job

if TYPE_CHECKING:
    from apiserver import ApiServer

pytest_plugins = ["apiserver"]

VOLUMES = cases("volumes.txt")

LONG = "b." * 126


@pytest.mark.parametrize(("volume", "expected"), VOLUMES, ids=str)
def test_a_volume_has_the_causes_that_the_server_finds(volume: dict[str, Any], expected: str) -> None:
    assert in_short(found(job({"volumes": [volume]})), f"{AT}.volumes[0]") == expected


ISCSI = {"iqn": "eui.0123456789abcdef", "initiatorName": "iqn.2001-04.b:c"}


@pytest.mark.parametrize(
    ("source", "field"),
    [
        ({"iscsi": {**ISCSI, "targetPortal": "p" * 62}}, ""),
        ({"iscsi": {**ISCSI, "targetPortal": "p" * 63}}, "name"),
        ({"csi": {"driver": "d" * 63}}, ""),
        ({"csi": {"driver": "d" * 64}}, "csi.driver"),
        ({"quobyte": {"registry": "h:1", "volume": "v", "tenant": "t" * 64}}, ""),
        ({"quobyte": {"registry": "h:1", "volume": "v", "tenant": "t" * 65}}, "quobyte.tenant"),
    ],
)
def test_a_text_may_be_as_long_as_the_server_lets_it(source: dict[str, Any], field: str) -> None:
    fields = {cause.field for cause in found(job({"volumes": [{"name": "v", **source}]}))}

    assert fields == ({f"{AT}.volumes[0].{field}"} if field else set())


def test_the_name_of_a_signer_may_be_571_bytes_long() -> None:
    def causes(path: str) -> list[str]:
        certificate = {"signerName": f"{LONG}c/{path}", "keyType": "ED25519", "keyPath": "k"}
        volumes = [{"name": "v", "projected": {"sources": [{"podCertificate": certificate}]}}]
        return [cause.message for cause in found(job({"volumes": volumes}))]

    longest = f"{'d' * 253}.{'e' * 63}"
    assert causes(longest) == []
    assert causes(f"{longest}f") == ["Too long: may not be more than 571 bytes"]


def test_names_of_volumes_without_fault_are_taken() -> None:
    volumes = [{"name": "v", "nfs": {}}, {"name": "v"}, {"name": "v"}]

    assert in_short(found(job({"volumes": volumes[1:]})), AT) == "volumes[1].name Duplicate"
    assert "volumes[2].name Duplicate" in in_short(found(job({"volumes": volumes})), AT)
    assert "volumes[1].name Duplicate" not in in_short(found(job({"volumes": volumes})), AT)


def test_a_cause_knows_the_true_place_where_the_server_names_another() -> None:
    items = [{"path": "p", "fieldRef": {"fieldPath": "metadata.name"}}, {"path": "q"}]
    (cause,) = found(job({"volumes": [{"name": "v", "downwardAPI": {"items": items}}]}))

    assert cause.field == f"{AT}.volumes[0].downwardAPI"
    assert cause.path == ("spec", "template", "spec", "volumes", 0, "downwardAPI", "items", 1)


def test_every_server_agrees_about_volumes(every_apiserver: "ApiServer") -> None:
    trees = [job({"volumes": [volume]}) for volume, _ in VOLUMES]

    assert disagreements(every_apiserver, trees) == []
