"""The only place where a policy file is read: YAML to Policy, every mistake explained by line and column."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from stream_app.core.policy import Policy


def default_text() -> str:
    """The policy file that ships with the software, comments included."""
    return files("stream_app").joinpath("policies/default.yaml").read_text("utf-8")


def default_policy() -> Policy:
    """The policy that ships with the software."""
    return Policy.from_dict(yaml.safe_load(default_text()))


def load(path: Path) -> Policy:
    """The policy in this file."""
    return Policy.from_dict(yaml.safe_load(path.read_text("utf-8")))


def dump(policy: Policy) -> str:
    """The policy as YAML text that `load` reads back to the same policy."""
    return yaml.safe_dump(policy.to_dict(), sort_keys=False, allow_unicode=True, width=120)


def schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of a policy file."""
    return Policy.model_json_schema(by_alias=True)
