"""A model's way onto rented machines, against moto, and what moto cannot show."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

pytest.importorskip("moto")
pytest.importorskip("boto3")

from genbook.practice import cloud
from genbook.practice.cloud import client, pack, simulated
from genbook.practice.deployment import Deployment
from genbook.training import load, save

IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/desk:1"
WHOLE = ["store", "role", "model", "configuration", "endpoint", "alarm"]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    torch.manual_seed(0)
    save(nn.Linear(3, 2), folder / "weights.safetensors")
    pack(folder / "weights.safetensors", folder / "model.tar.gz")
    return folder / "model.tar.gz"


@pytest.fixture
def desk() -> Iterator[Deployment]:
    with simulated():
        yield Deployment("desk")


def whole(desk: Deployment, archive: Path) -> None:
    desk.store(archive)
    desk.register(IMAGE)
    desk.configure()
    desk.start()
    desk.measure("drift", [0.1])
    desk.watch("drift", above=0.5)


def test_the_archive_holds_the_weights(archive: Path, tmp_path: Path) -> None:
    with tarfile.open(archive) as tar:
        assert tar.getnames() == ["model.safetensors"]
        tar.extractall(tmp_path, filter="data")
    twin = load(nn.Linear(3, 2), tmp_path / "model.safetensors")
    torch.manual_seed(0)
    assert torch.equal(twin.weight, nn.Linear(3, 2).weight)


def test_the_same_weights_give_the_same_bytes(archive: Path, tmp_path: Path) -> None:
    again = tmp_path / "other-name.tar.gz"
    size = pack(archive.with_name("weights.safetensors"), again)
    assert again.read_bytes() == archive.read_bytes()
    assert size == again.stat().st_size


@pytest.mark.parametrize("data", [b"", b"\x80\x04pickle", b"\x02" + b"\0" * 7 + b"[]"])
def test_only_safetensors_are_packed(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "weights.pt").write_bytes(data)
    with pytest.raises(ValueError, match="weights must be a file in safetensors"):
        pack(tmp_path / "weights.pt", tmp_path / "model.tar.gz")
    assert not (tmp_path / "model.tar.gz").exists()


def test_each_call_makes_one_thing_and_the_last_removes_all(
    desk: Deployment, archive: Path
) -> None:
    seen = [desk.standing()]
    assert desk.store(archive) == "s3://genbook-desk/model.tar.gz"
    seen.append(desk.standing())
    assert desk.register(IMAGE).endswith(":model/desk")
    seen.append(desk.standing())
    desk.configure()
    seen.append(desk.standing())
    assert desk.start() == "InService"
    seen.append(desk.standing())
    assert desk.watch("drift", above=0.5) == "OK"
    seen.append(desk.standing())
    assert seen == [WHOLE[:n] for n in (0, 1, 3, 4, 5, 6)]
    assert desk.tear_down() == WHOLE[::-1]
    assert desk.standing() == desk.tear_down() == []


def test_what_is_stored_is_whole_encrypted_and_closed(
    desk: Deployment, archive: Path
) -> None:
    desk.store(archive)
    s3, where = client("s3"), {"Bucket": "genbook-desk"}
    found = s3.get_object(**where, Key="model.tar.gz")
    data = found["Body"].read()
    assert data == archive.read_bytes()
    assert found["ServerSideEncryption"] == "aws:kms"
    assert s3.get_bucket_versioning(**where)["Status"] == "Enabled"
    closed = s3.get_public_access_block(**where)["PublicAccessBlockConfiguration"]
    assert len(closed) == 4
    assert all(closed.values())


def test_the_role_may_read_that_store_and_nothing_else(
    desk: Deployment, archive: Path
) -> None:
    desk.store(archive)
    desk.register(IMAGE)
    iam = client("iam")
    rule = iam.get_role_policy(RoleName="desk", PolicyName="read")["PolicyDocument"]
    assert rule["Statement"] == [
        {
            "Effect": "Allow",
            "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::genbook-desk/*",
        }
    ]
    assert iam.list_role_policies(RoleName="desk")["PolicyNames"] == ["read"]


def test_the_model_the_configuration_and_the_endpoint_name_one_another(
    desk: Deployment, archive: Path
) -> None:
    whole(desk, archive)
    sagemaker = client("sagemaker")
    model = sagemaker.describe_model(ModelName="desk")
    assert model["PrimaryContainer"]["Image"] == IMAGE
    assert model["PrimaryContainer"]["ModelDataUrl"] == "s3://genbook-desk/model.tar.gz"
    plan = sagemaker.describe_endpoint_config(EndpointConfigName="desk")
    (variant,) = plan["ProductionVariants"]
    assert (variant["ModelName"], variant["InitialInstanceCount"]) == ("desk", 1)
    endpoint = sagemaker.describe_endpoint(EndpointName="desk")
    assert endpoint["EndpointConfigName"] == "desk"


def test_a_metric_is_read_back_as_its_mean(desk: Deployment) -> None:
    assert desk.measure("drift", [0.25, 0.75]) == pytest.approx(0.5)
    assert desk.measure("drift", [2.0]) == pytest.approx(1.0)  # of all three
    assert desk.measure("delay", [3.0]) == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda d: d.configure(), "create_endpoint_config was refused: Could not find"),
        (lambda d: d.start(), "create_endpoint was refused: Could not find endpoint"),
        (lambda d: d.configure(machine="toaster"), "was refused"),
    ],
)
def test_a_thing_cannot_be_made_before_what_it_stands_on(
    desk: Deployment, call, words: str
) -> None:
    with pytest.raises(RuntimeError, match=words):
        call(desk)
    assert desk.standing() == []


def test_twice_is_refused_and_what_stands_is_unharmed(
    desk: Deployment, archive: Path
) -> None:
    whole(desk, archive)
    for again in (lambda: desk.store(archive), lambda: desk.register(IMAGE)):
        with pytest.raises(RuntimeError, match="was refused"):
            again()
    assert desk.standing() == WHOLE


def test_a_half_made_deployment_can_be_torn_down(
    desk: Deployment, archive: Path
) -> None:
    desk.store(archive)
    desk.register(IMAGE)
    assert desk.tear_down() == ["model", "role", "store"]
    whole(desk, archive)  # and its name is free again


def test_others_are_left_alone(desk: Deployment, archive: Path) -> None:
    other = Deployment("desk-two")
    whole(other, archive)
    whole(desk, archive)
    desk.tear_down()
    assert other.standing() == WHOLE


def test_every_version_of_a_file_goes(desk: Deployment, archive: Path) -> None:
    desk.store(archive)
    s3 = client("s3")
    for data in (b"a", b"b"):
        s3.put_object(Bucket="genbook-desk", Key="model.tar.gz", Body=data)
    s3.delete_object(Bucket="genbook-desk", Key="model.tar.gz")  # leaves a mark
    assert desk.tear_down() == ["store"]
    assert client("s3").list_buckets()["Buckets"] == []


@pytest.mark.parametrize(
    "name", ["", "a", "Desk", "desk_1", "desk--1", "-desk", "desk\n"]
)
def test_a_name_that_a_service_would_refuse_is_refused_at_the_door(name: str) -> None:
    with pytest.raises(ValueError, match="name must be 3 to 41"):
        Deployment(name)


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "moto", None)
    words = r"moto is missing: pip install 'genbook\[aws\]'"
    with pytest.raises(ModuleNotFoundError, match=words):
        cloud.library("moto")


def test_a_call_is_tried_once() -> None:
    with simulated():
        assert client("s3").meta.config.retries["total_max_attempts"] == 1
