"""What is stored for a packet, under which name, and what stays out of it."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

from stream_app.core.artifacts import made_artifacts, stored
from stream_app.core.canonical import is_canonical
from stream_app.core.orders import SealOrder
from stream_app.core.selection import facts_of
from tests.examples import changed, contract_order, with_event, without


def made(order: SealOrder) -> dict[str, dict[str, Any]]:
    found = made_artifacts(order, facts_of(order.canonical_call_id, order.items), "bucket")
    for one in found:
        digest = sha256(one.body).hexdigest()
        assert is_canonical(one.body)
        assert one.artifact.uri == f"s3://bucket/artifacts/sha256/{digest}"
        assert (one.artifact.sha256, one.artifact.size_bytes) == (digest, len(one.body))
        assert (one.artifact.redaction_state, one.artifact.retention_class) == ("redacted", "qa_180d")
    return {one.artifact.name: json.loads(one.body) for one in found}


def test_tools_evaluation_and_trace_are_made_of_the_evidence() -> None:
    found = made(contract_order())
    assert list(found) == ["toolEvidence", "evaluation", "trace"]
    assert {one["canonicalCallId"] for one in found.values()} == {"call_2026_06_03_1842"}
    lookup, refund = found["toolEvidence"]["tools"]
    assert (lookup["toolCallId"], lookup["resultSummary"]) == ("tc_6", "found: true, total: number")
    assert (refund["status"], refund["latencyMs"], refund["findings"]) == ("timed_out", 10010, ["timed_out"])
    assert [report["eventId"] for report in refund["reports"]] == ["evt-01J9Z2"]
    (evaluation,) = found["evaluation"]["events"]
    assert evaluation["assertions"] == [{"name": "refund_confirmed", "passed": False, "severity": "high"}]
    assert (found["evaluation"]["primaryEventId"], evaluation["testRunId"]) == ("evt-01J9Z5", "run_77")
    assert [span["name"] for span in found["trace"]["events"][0]["keySpans"]] == ["asr", "llm", "execute_tool", "tts"]


def test_what_is_not_on_the_list_of_fields_never_gets_in() -> None:
    order = contract_order()
    secret = "A-1042"
    for event_id in ("evt-01J9Z1", "evt-01J9Z2", "evt-01J9Z4", "evt-01J9Z5"):
        order = with_event(order, event_id, arguments={"orderId": secret}, note=secret, accountRef=secret)
    text = json.dumps(made(order))
    assert secret not in text
    assert "refund-A-1042" not in text  # The idempotency key of the contract's refund names the order.
    assert "argumentsSha256" not in text


def test_kinds_without_evidence_make_no_artifact() -> None:
    assert list(made(without(contract_order(), "tools", "trace"))) == ["evaluation"]
    review = contract_order().review.model_copy(update={"export_level": "aggregate_only"})
    assert made(changed(contract_order(), review=review)) == {}


def test_stored_bytes_are_described_by_what_they_are() -> None:
    one = stored(
        "redactedTranscript", b"{}", bucket="b", retention_class="r", media_type="text/x", source_uri="s3://a/k"
    )
    assert one.body == b"{}"
    assert one.artifact.to_dict() == {
        "name": "redactedTranscript",
        "uri": "s3://b/artifacts/sha256/44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
        "sha256": "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
        "sizeBytes": 2,
        "mediaType": "text/x",
        "redactionState": "redacted",
        "retentionClass": "r",
        "sourceUri": "s3://a/k",
    }
