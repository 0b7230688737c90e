"""What a simulation of a cloud cannot show: calls that pretend, and calls that fail.

Each is kept with its parameters, which :func:`check_parameters` holds against the
description of the service that the library botocore carries. So a listing in the book
that nobody runs still names calls that exist, with parameters that they take.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from genbook._validate import check_kind
from genbook.practice.cloud import client, library

__all__ = ["MISSING", "PRETENDED", "Call", "check_parameters"]

MODEL = "amazon.titan-text-lite-v1"
WORDS = [{"role": "user", "content": [{"text": "Is SGD's momentum zero?"}]}]
SORRY = {"blockedInputMessaging": "No.", "blockedOutputsMessaging": "No."}


@dataclass(frozen=True)
class Call:
    """A call to a cloud that the book lists and does not rely on.

    Attributes:
        service: The service, as boto3 names it.
        method: The method of its client.
        parameters: What it is called with.
        why: What the call is for, and for one that pretends, what is not so.
    """

    service: str
    method: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""


#: The simulation answers, and the answer means nothing.
PRETENDED: tuple[Call, ...] = (
    Call(
        "sagemaker-runtime",
        "invoke_endpoint",
        {"EndpointName": "desk", "Body": b"{}", "ContentType": "application/json"},
        "ask a model: any question gets a made-up answer, no model is loaded",
    ),
    Call(
        "sagemaker",
        "create_endpoint",
        {"EndpointName": "desk", "EndpointConfigName": "desk"},
        "start an endpoint: a second of the same name, which AWS refuses, goes through",
    ),
    Call(
        "cloudwatch",
        "describe_alarms",
        {"AlarmNames": ["desk.drift"]},
        "read an alarm: its state stays OK whatever the metric says",
    ),
    Call(
        "cloudtrail",
        "start_logging",
        {"Name": "audit"},
        "begin an audit trail: no event is ever written",
    ),
    Call(
        "bedrock-runtime",
        "invoke_model",
        {"modelId": MODEL, "body": b"{}"},
        "ask a foundation model: the answer is empty",
    ),
)

#: The simulation does not know these calls.
MISSING: tuple[Call, ...] = (
    Call(
        "sagemaker",
        "update_endpoint",
        {"EndpointName": "desk", "EndpointConfigName": "desk-2"},
        "exchange the model under a running endpoint",
    ),
    Call(
        "sagemaker",
        "list_hub_contents",
        {"HubName": "SageMakerPublicHub", "HubContentType": "Model"},
        "list the pretrained models of JumpStart",
    ),
    Call(
        "cloudtrail",
        "lookup_events",
        {"MaxResults": 50},
        "read the audit trail",
    ),
    Call("bedrock", "list_foundation_models", {}, "list the models of Bedrock"),
    Call(
        "bedrock",
        "get_foundation_model",
        {"modelIdentifier": MODEL},
        "read what one of them takes and gives",
    ),
    Call(
        "bedrock",
        "create_guardrail",
        {"name": "desk", **SORRY},
        "refuse topics and words on the way in and out",
    ),
    Call(
        "bedrock-runtime",
        "converse",
        {"modelId": MODEL, "messages": WORDS},
        "hold a conversation",
    ),
)


def check_parameters(call: Call) -> None:
    """Check that a call exists and takes its parameters; nothing is sent.

    Args:
        call: The call.

    Raises:
        TypeError: If ``call`` is no :class:`Call`.
        ValueError: If there is no such call, or it does not take the parameters.
        ModuleNotFoundError: If the extra ``aws`` is not installed.

    Example:
        >>> check_parameters(MISSING[0])
        >>> check_parameters(Call("s3", "delete_bucket", {"Name": "desk"}))
        Traceback (most recent call last):
        ValueError: call must take its parameters, got ... unknown parameter ...
    """
    check_kind(call, "call", Call)
    errors = library("botocore.exceptions")
    nobody = {"aws_access_key_id": "none", "aws_secret_access_key": "none"}
    try:
        service = client(call.service, **nobody)
        method = getattr(service, call.method)
    except (errors.UnknownServiceError, AttributeError) as error:
        raise ValueError(f"call must be one that exists, got {error}") from None
    with library("botocore.stub").Stubber(service) as stub:
        stub.add_client_error(call.method, expected_params=dict(call.parameters))
        try:
            method(**call.parameters)
        except errors.ParamValidationError as error:
            why = " ".join(str(error).split())
            raise ValueError(f"call must take its parameters, got {why}") from None
        except errors.ClientError:  # the stub's: the parameters went through
            pass
