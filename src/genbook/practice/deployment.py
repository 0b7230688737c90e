"""The calls that bring a model to rented machines, and take all of it away again.

An endpoint on Amazon SageMaker stands on a chain of things: a file in a store (S3), a
role that may read it (IAM), a model that names both and an image to run, a
configuration that says on which machine, and the endpoint, which is billed by the hour
whether anybody asks it or not. A metric and an alarm (CloudWatch) watch over it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from genbook._files import check_path
from genbook._validate import check_count, check_each, check_number, check_text
from genbook.practice.cloud import REGION, client, library, simulated

__all__ = ["Deployment", "simulated"]

_NAME = re.compile(r"[a-z0-9](-?[a-z0-9]){2,40}")
_NAMESPACE = "genbook"
_CLOSED = (
    "BlockPublicAcls",
    "IgnorePublicAcls",
    "BlockPublicPolicy",
    "RestrictPublicBuckets",
)
_MOST_VALUES = 1_000  # that CloudWatch takes in a call


class Deployment:
    """A model's way onto rented machines, a method for each call, in this order.

    Everything it makes bears its name, so that :meth:`tear_down` finds all of it, also
    after a call that was refused. :meth:`standing` lists what is there.

    Args:
        name: Small letters, digits and single hyphens, 3 to 41.
        region: Where the machines stand.

    Raises:
        TypeError: If one is not a text.
        ValueError: If the name has another form.
        ModuleNotFoundError: If the extra ``aws`` is not installed.

    Example:
        >>> with simulated():
        ...     Deployment("map-flow").configure()
        Traceback (most recent call last):
        RuntimeError: create_endpoint_config was refused: Could not find model ...
    """

    def __init__(self, name: str, region: str = REGION) -> None:
        if not _NAME.fullmatch(check_text(name, "name")):
            raise ValueError(
                f"name must be 3 to 41 small letters, digits and hyphens, got {name!r}"
            )
        self.name, self.bucket = name, f"genbook-{name}"
        if not re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d", check_text(region, "region")):
            raise ValueError(f"region must be like {REGION!r}, got {region!r}")
        self.region = region
        services = ("s3", "iam", "sagemaker", "cloudwatch")
        self._client = {service: client(service, region) for service in services}

    def store(self, archive: str | os.PathLike[str]) -> str:
        """Put an archive of weights into a store of its own.

        The store is closed to the public, keeps every version and encrypts it.

        Args:
            archive: The file.

        Returns:
            The address of what was stored.
        """
        data = check_path(archive, "archive").read_bytes()
        s3, where = self._client["s3"], {"Bucket": self.bucket}
        home = {"LocationConstraint": self.region}
        more = {} if self.region == "us-east-1" else {"CreateBucketConfiguration": home}
        _ask(s3.create_bucket, **where, **more)
        _ask(
            s3.put_public_access_block,
            **where,
            PublicAccessBlockConfiguration=dict.fromkeys(_CLOSED, True),
        )
        on = {"Status": "Enabled"}
        _ask(s3.put_bucket_versioning, **where, VersioningConfiguration=on)
        key = {"Key": "model.tar.gz", "ServerSideEncryption": "aws:kms"}
        _ask(s3.put_object, **where, **key, Body=data)
        return f"s3://{self.bucket}/model.tar.gz"

    def register(self, image: str) -> str:
        """Make a role that may read that store and nothing else, and the model.

        Args:
            image: The address of the container image that serves the weights.

        Returns:
            The identifier of the model.
        """
        check_text(image, "image")
        iam, sagemaker = self._client["iam"], self._client["sagemaker"]
        who = {"Service": "sagemaker.amazonaws.com"}
        role = _ask(
            iam.create_role,
            RoleName=self.name,
            AssumeRolePolicyDocument=_policy("sts:AssumeRole", Principal=who),
        )["Role"]["Arn"]
        files = f"arn:aws:s3:::{self.bucket}/*"
        _ask(
            iam.put_role_policy,
            RoleName=self.name,
            PolicyName="read",
            PolicyDocument=_policy("s3:GetObject", Resource=files),
        )
        weights = f"s3://{self.bucket}/model.tar.gz"
        return _ask(
            sagemaker.create_model,
            ModelName=self.name,
            ExecutionRoleArn=role,
            PrimaryContainer={"Image": image, "ModelDataUrl": weights},
        )["ModelArn"]

    def configure(self, machine: str = "ml.m5.large", count: int = 1) -> None:
        """Say on which machines the model is to run.

        Args:
            machine: The kind of machine.
            count: How many of them, at most 100.
        """
        check_text(machine, "machine")
        variant = {
            "VariantName": "all",
            "ModelName": self.name,
            "InstanceType": machine,
            "InitialInstanceCount": check_count(count, "count", 1, 100),
            "InitialVariantWeight": 1.0,
        }
        _ask(
            self._client["sagemaker"].create_endpoint_config,
            EndpointConfigName=self.name,
            ProductionVariants=[variant],
        )

    def start(self) -> str:
        """Start the endpoint, wait until it serves, and return its state."""
        sagemaker = self._client["sagemaker"]
        names = {"EndpointName": self.name, "EndpointConfigName": self.name}
        _ask(sagemaker.create_endpoint, **names)
        sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=self.name)
        return _ask(sagemaker.describe_endpoint, EndpointName=self.name)[
            "EndpointStatus"
        ]

    def measure(self, metric: str, values: Sequence[float]) -> float:
        """Report values of a metric, and return the mean of the last hour as read back.

        Args:
            metric: Its name.
            values: Finite numbers, at most a thousand.
        """
        check_text(metric, "metric")
        if not 1 <= len(check_each(values, "values", object)) <= _MOST_VALUES:
            raise ValueError(f"values must be 1 to 1000 numbers, got {len(values)}")
        plain = [check_number(v, f"values[{i}]") for i, v in enumerate(values)]
        cloudwatch, now = self._client["cloudwatch"], datetime.now(UTC)
        data = [{**self._metric(metric), "Value": v, "Timestamp": now} for v in plain]
        _ask(cloudwatch.put_metric_data, Namespace=_NAMESPACE, MetricData=data)
        read = _ask(
            cloudwatch.get_metric_statistics,
            Namespace=_NAMESPACE,
            **self._metric(metric),
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(hours=1),
            Period=7_200,
            Statistics=["Sum", "SampleCount"],
        )["Datapoints"]
        return sum(p["Sum"] for p in read) / sum(p["SampleCount"] for p in read)

    def watch(self, metric: str, above: float) -> str:
        """Set an alarm on a metric, or set it anew, and return its state.

        Args:
            metric: Its name.
            above: The alarm rings when the mean of a minute is above this.
        """
        cloudwatch, name = self._client["cloudwatch"], f"{self.name}.{metric}"
        check_text(metric, "metric")
        _ask(
            cloudwatch.put_metric_alarm,
            AlarmName=name,
            Namespace=_NAMESPACE,
            **self._metric(metric),
            ComparisonOperator="GreaterThanThreshold",
            Threshold=check_number(above, "above"),
            Period=60,
            EvaluationPeriods=1,
            Statistic="Average",
        )
        found = _ask(cloudwatch.describe_alarms, AlarmNames=[name])
        return found["MetricAlarms"][0]["StateValue"]

    def standing(self) -> list[str]:
        """Return what is there under this name, in the order in which it is made."""
        sagemaker, name = self._client["sagemaker"], {"NameContains": self.name}
        buckets = _ask(self._client["s3"].list_buckets)["Buckets"]
        models = _ask(sagemaker.list_models, **name)["Models"]
        plans = _ask(sagemaker.list_endpoint_configs, **name)["EndpointConfigs"]
        endpoints = _ask(sagemaker.list_endpoints, **name)["Endpoints"]
        found = {
            "store": self.bucket in [b["Name"] for b in buckets],
            "role": self._has_role(),
            "model": self.name in [m["ModelName"] for m in models],
            "configuration": self.name in [c["EndpointConfigName"] for c in plans],
            "endpoint": self.name in [e["EndpointName"] for e in endpoints],
            "alarm": bool(self._alarms()),
        }
        return [kind for kind, there in found.items() if there]

    def tear_down(self) -> list[str]:
        """Remove all that stands under this name, and return what that was."""
        found, sagemaker = self.standing(), self._client["sagemaker"]
        if "alarm" in found:
            _ask(self._client["cloudwatch"].delete_alarms, AlarmNames=self._alarms())
        if "endpoint" in found:
            _ask(sagemaker.delete_endpoint, EndpointName=self.name)
            sagemaker.get_waiter("endpoint_deleted").wait(EndpointName=self.name)
        if "configuration" in found:
            _ask(sagemaker.delete_endpoint_config, EndpointConfigName=self.name)
        if "model" in found:
            _ask(sagemaker.delete_model, ModelName=self.name)
        if "role" in found:
            self._remove_role()
        if "store" in found:
            self._empty_store()
            _ask(self._client["s3"].delete_bucket, Bucket=self.bucket)
        return found[::-1]

    def _metric(self, metric: str) -> dict[str, Any]:
        dimension = {"Name": "EndpointName", "Value": self.name}
        return {"MetricName": metric, "Dimensions": [dimension]}

    def _alarms(self) -> list[str]:
        cloudwatch, prefix = self._client["cloudwatch"], f"{self.name}."
        found = _ask(cloudwatch.describe_alarms, AlarmNamePrefix=prefix)
        return [alarm["AlarmName"] for alarm in found["MetricAlarms"]]

    def _has_role(self) -> bool:
        iam = self._client["iam"]
        try:
            iam.get_role(RoleName=self.name)
        except iam.exceptions.NoSuchEntityException:
            return False
        return True

    def _remove_role(self) -> None:
        iam, role = self._client["iam"], {"RoleName": self.name}
        for rule in _ask(iam.list_role_policies, **role)["PolicyNames"]:
            _ask(iam.delete_role_policy, **role, PolicyName=rule)
        _ask(iam.delete_role, **role)

    def _empty_store(self) -> None:
        """Remove every version of every file: only then can a store be removed."""
        s3, where = self._client["s3"], {"Bucket": self.bucket}
        for page in s3.get_paginator("list_object_versions").paginate(**where):
            for old in page.get("Versions", []) + page.get("DeleteMarkers", []):
                which = {"Key": old["Key"], "VersionId": old["VersionId"]}
                _ask(s3.delete_object, **where, **which)


def _policy(action: str, **more: Any) -> str:
    """Return a document that allows one thing."""
    allowed = {"Effect": "Allow", "Action": action, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [allowed]})


def _ask(call: Callable[..., Any], **parameters: Any) -> Any:
    """Make a call; say in one sentence which was refused, and why."""
    errors = library("botocore.exceptions")
    try:
        return call(**parameters)
    except (errors.ClientError, errors.ParamValidationError) as error:
        why = getattr(error, "response", {}).get("Error", {}).get("Message", str(error))
        raise RuntimeError(f"{call.__name__} was refused: {why}") from error
