"""The files that put a service beside Prometheus and Grafana fit one another."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from genbook.practice.serving import __main__ as command
from genbook.practice.serving._meters import Meters

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "examples" / "serve"


def read(name: str) -> Any:
    text = (FOLDER / name).read_text("utf8")
    return json.loads(text) if name.endswith(".json") else yaml.safe_load(text)


@pytest.fixture(scope="module")
def compose() -> Any:
    return read("compose.yml")


def test_every_file_that_is_mounted_is_there(compose) -> None:
    mounted = [v for s in compose["services"].values() for v in s["volumes"]]
    for volume in mounted:
        source = volume.split(":")[0]
        if source.startswith("./"):
            assert (FOLDER / source).is_file(), volume
            assert volume.endswith(":ro")
        elif not source.startswith("../"):
            assert source in compose["volumes"]
    build = compose["services"]["service"]["build"]
    assert (FOLDER / build["context"] / build["dockerfile"]).is_file()


def test_nothing_is_open_to_other_machines(compose) -> None:
    for service in compose["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
        if "image" in service:
            assert re.search(r":v?\d+\.\d+\.\d+$", service["image"]), "a fixed version"


def test_the_container_runs_our_command(compose) -> None:
    text = (FOLDER / "Dockerfile").read_text("utf8")
    [line] = [line for line in text.splitlines() if line.startswith("CMD ")]
    words = json.loads(line.removeprefix("CMD "))
    assert words[:2] == ["genbook", "serve"]
    args = command.parser().parse_args(words[2:])
    mounts = [v.split(":")[1] for v in compose["services"]["service"]["volumes"]]
    assert {args.place.as_posix(), args.feedback.parent.as_posix()} == set(mounts)
    for line in text.splitlines():
        if line.startswith("COPY"):
            assert all((ROOT / name).exists() for name in line.split()[1:-1]), line


def test_the_user_of_the_container_may_write_where_feedback_goes() -> None:
    """A new volume belongs to whom its folder in the image belongs, else to root."""
    lines = (FOLDER / "Dockerfile").read_text("utf8").splitlines()
    [user] = [line.split()[1] for line in lines if line.startswith("USER ")]
    [line] = [line for line in lines if line.startswith("CMD ")]
    words = json.loads(line.removeprefix("CMD "))
    folder = command.parser().parse_args(words[2:]).feedback.parent.as_posix()
    made = f"RUN install --directory --owner {user} {folder}"
    assert lines.index(made) < lines.index(f"USER {user}")


def test_prometheus_asks_the_service_where_it_listens(compose) -> None:
    [job] = read("prometheus.yml")["scrape_configs"]
    [target] = job["static_configs"][0]["targets"]
    name, port = target.split(":")
    assert compose["services"][name]["ports"][0].endswith(f":{port}")
    assert str(command.parser().parse_args(["x"]).port) == port
    source = read("grafana/source.yml")["datasources"][0]
    assert source["url"] == "http://prometheus:9090"
    board = read("grafana/board.json")
    assert {p["datasource"]["uid"] for p in board["panels"]} == {source["uid"]}


def test_every_number_that_is_drawn_is_told() -> None:
    meters = Meters()
    told = {s.name for family in meters.registry.collect() for s in family.samples}
    told |= {family.name for family in meters.registry.collect()}
    told |= {f"{name}_total" for name in told}
    told |= {f"{name}_{end}" for name in told for end in ("bucket", "sum", "count")}
    panels = read("grafana/board.json")["panels"]
    drawn = [t["expr"] for p in panels for t in p["targets"]]
    rules = [r["expr"] for g in read("alarms.yml")["groups"] for r in g["rules"]]
    for expression in (*drawn, *rules):
        names = re.findall(r"\b(?:genbook|process)_\w+", expression)
        assert names, expression
        assert set(names) <= told, expression
