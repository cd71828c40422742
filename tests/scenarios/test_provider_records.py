"""Providers' own records on a topic of their own: one call's, in every encoding, end as evidence of that call."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from stream_app.core.wire import write_json
from stream_app.dev.state import Endpoints
from stream_app.pipeline.ports import Outgoing
from stream_app.runtime.audit import accounting
from tests.providers.trying import Trying
from tests.scenarios.live import Line

CALL = "call_demo_7"
SID = "CA00000000000000000000000000000b01"


@pytest.fixture(scope="module")
def line(stack: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    live = Line(
        stack,
        tmp_path_factory.mktemp("records"),
        STREAM_APP_STAGING_KEY=b64encode(bytes(range(32))).decode(),
        STREAM_APP_PROVIDER_TOPICS='["provider-records", "otlp_spans=otel"]',
    )
    live.create()
    try:
        live.start(("intake", "identity", "join"))
        yield live
    finally:
        live.end()


def span(name: str, **attributes: str) -> bytes:
    """One span of the call's trace as an exporter sends it, in protobuf."""
    hexadecimal = {"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "1f02020202020202"}
    document = {
        "resourceSpans": [
            {
                "scopeSpans": [
                    {
                        "spans": [
                            {
                                **{key: b64encode(bytes.fromhex(value)).decode() for key, value in hexadecimal.items()},
                                "name": name,
                                "startTimeUnixNano": "1788000060000000000",
                                "endTimeUnixNano": "1788000061000000000",
                                "attributes": [
                                    {"key": key.replace("_", "."), "value": {"stringValue": value}}
                                    for key, value in attributes.items()
                                ],
                            }
                        ]
                    }
                ]
            }
        ]
    }
    return ParseDict(document, ExportTraceServiceRequest()).SerializeToString()


def test_payloads_of_several_providers_become_evidence_of_one_call(line: Line) -> None:
    form = {
        "CallSid": SID, "AccountSid": "AC" + "0" * 32, "CallStatus": "completed", "CallDuration": "150",
        "Timestamp": "Sat, 29 Aug 2026 10:42:31 +0000", "SequenceNumber": "3", "From": "+15005550006",
    }  # fmt: skip
    tool = span(
        "execute_tool refund", gen_ai_operation_name="execute_tool", gen_ai_tool_name="refund",
        gen_ai_tool_call_id="call_P1", gen_ai_conversation_id="conversation",
    )  # fmt: skip
    line.publish(
        [
            Outgoing("otlp_spans", b"k", tool),
            Outgoing(
                "provider-records", b"k", urlencode(form).encode(),
                (("provider", b"twilio"), ("content-type", b"application/x-www-form-urlencoded")),
            ),
            Outgoing(
                "provider-records", b"k", write_json(Trying("vapi").own("end-of-call-report")), (("provider", b"vapi"),)
            ),
            Outgoing("provider-records", b"k", b"{", (("provider", b"vapi"),)),
            Outgoing("otlp_spans", b"k", span("GET /health")),
        ]
    )  # fmt: skip
    expected = {"twilio", "vapi", "otel"}
    evidence = line.wait(
        "evidence",
        lambda seen: expected <= {one["event"]["source"] for one in seen if one.get("canonicalCallId") == CALL},
    )
    mine = [one for one in evidence if one.get("canonicalCallId") == CALL]
    assert {one["event"]["type"] for one in mine} >= {"call-ended", "tool-call", "artifact-ready"}
    assert all(one["position"]["topic"].partition("#")[0] in ("provider-records", "otlp_spans") for one in mine)
    transcripts = [one["event"] for one in mine if one["event"].get("artifact") == "transcript"]
    assert transcripts[0]["reference"]["uri"].startswith("s3://staging/staging/sha256/")
    assert "+15005550006" not in repr(evidence)
    (letter,) = line.wait("dead-letters", lambda seen: len(seen) >= 1)
    assert (letter["reason"], letter["position"]["topic"]) == ("not_readable", "provider-records")
    account = asyncio.run(accounting(line.settings))
    assert account.closed, account
    assert account.endings["otlp_spans"] == {"used": 1, "nothing": 1}
    assert account.endings["provider-records"] == {"used": 2, "dead_letter": 1}
