"""The listing of what the simulation cannot show is true, and its calls exist."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("moto")
pytest.importorskip("boto3")

from genbook.practice.cloud import client, simulated
from genbook.practice.unsimulated import MISSING, PRETENDED, Call, check_parameters


@pytest.fixture(scope="module")
def sandbox() -> Iterator[None]:
    with simulated():
        yield


def name(call: Call) -> str:
    return f"{call.service}.{call.method}"


@pytest.mark.parametrize("call", [*MISSING, *PRETENDED], ids=name)
def test_the_call_exists_and_takes_its_parameters(call: Call) -> None:
    check_parameters(call)
    assert call.why


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (Call("s3", "paint"), "must be one that exists"),
        (Call("paintings", "list"), "must be one that exists"),
        (Call("sagemaker", "update_endpoint", {"EndpointName": "desk"}), "Missing req"),
        (Call("cloudtrail", "lookup_events", {"MaxResults": "many"}), "Invalid type"),
        (Call("bedrock", "list_foundation_models", {"of": "us"}), "Unknown parameter"),
    ],
)
def test_a_wrong_call_is_refused(call: Call, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check_parameters(call)


@pytest.mark.parametrize("call", MISSING, ids=name)
def test_the_simulation_does_not_know_it(call: Call, sandbox: None) -> None:
    """When this fails, moto has learned the call: run it instead of listing it."""
    with pytest.raises(Exception, match=r"not (yet )?(been )?implemented|NotImpl|500"):
        getattr(client(call.service), call.method)(**call.parameters)


def test_any_question_gets_an_answer_from_no_model(sandbox: None) -> None:
    from genbook.practice.deployment import Deployment

    desk = Deployment("pretended")
    client("s3").create_bucket(
        Bucket=desk.bucket,
        CreateBucketConfiguration={"LocationConstraint": "eu-central-1"},
    )
    desk.register("no-such-image")
    desk.configure()
    desk.start()
    assert desk.start() == "InService"  # twice, which AWS refuses
    runtime = client("sagemaker-runtime")
    answer = runtime.invoke_endpoint(EndpointName=desk.name, Body=b"nonsense")
    assert answer["Body"].read()


def test_an_alarm_does_not_ring(sandbox: None) -> None:
    from genbook.practice.deployment import Deployment

    desk = Deployment("silent")
    desk.watch("drift", above=0.5)
    assert desk.measure("drift", [0.9, 0.95]) > 0.5
    assert desk.watch("drift", above=0.5) == "OK"


def test_a_trail_writes_nothing(sandbox: None) -> None:
    s3, trail = client("s3", "us-east-1"), client("cloudtrail", "us-east-1")
    s3.create_bucket(Bucket="audits")
    trail.create_trail(Name="audit", S3BucketName="audits")
    trail.start_logging(Name="audit")
    assert trail.get_trail_status(Name="audit")["IsLogging"]
    assert s3.list_objects_v2(Bucket="audits")["KeyCount"] == 0


def test_a_foundation_model_says_nothing(sandbox: None) -> None:
    (call,) = [c for c in PRETENDED if c.method == "invoke_model"]
    answer = client(call.service).invoke_model(**call.parameters)
    assert answer["body"].read() == b"{}"
