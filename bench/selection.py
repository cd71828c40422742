"""The only place that says which made-up calls a policy's random sample draws. Pure."""

from __future__ import annotations

from stream_app.core.policy import Policy
from stream_app.core.selection.samples import is_drawn, stratum_of

SAMPLED = "scheduled_sample"
FIELDS: dict[str, str] = {
    "agentId": "billing-agent", "queue": "billing", "language": "en", "cohort": "launch-june",
}  # fmt: skip
"""What the made-up calls say of themselves, as far as the sample's strata ask."""


def is_selected(policy: Policy, call: str) -> bool:
    """Whether the sample of the bench's policies draws this call."""
    sample = policy.row(SAMPLED).sample
    assert sample is not None
    return is_drawn(sample, SAMPLED, stratum_of(sample, FIELDS), call)
