"""`stream-app normalize`: a line an event, a line a refusal, and never what must not be shown."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from stream_app.__main__ import cli
from tests.providers.samples import OWN, PUBLIC
from tests.providers.trying import Trying


def run(provider: str, data: str | bytes, *options: str) -> Result:
    return CliRunner().invoke(cli, ["normalize", provider, "-", *options], input=data)


def lines(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_form_is_an_event() -> None:
    result = run("twilio", f"CallSid=CA{'0' * 32}&CallStatus=completed&CallDuration=3&From=%2B15005550006\n")
    (event,) = lines(result)
    assert (result.exit_code, event["type"], event["durationMs"]) == (0, "call-ended", 3000)
    assert "15005550006" not in result.output
    assert result.stderr == "1 call-ended; 0 refused; 0 to be put away in staging\n"


def test_lines_give_events_and_refusals_in_their_order() -> None:
    good = json.dumps(Trying("connect").own("disconnected"))
    result = run("connect", f'{good}\n{{"hello": 1}}\n{{\n{good}\n')
    found = lines(result)
    assert [one.get("refused", one.get("type")) for one in found] == [
        "call-ended", "unknown_shape", "not_readable", "call-ended",
    ]  # fmt: skip
    assert [one["line"] for one in found if "refused" in one] == [2, 3]
    assert result.exit_code == 1


def test_what_says_nothing_is_said_and_no_failure() -> None:
    result = run("connect", json.dumps(Trying("connect").own("queued")))
    assert (result.exit_code, lines(result)[0]["refused"]) == (0, "nothing_to_report")


def test_content_is_counted_and_never_printed() -> None:
    result = run("vapi", json.dumps(Trying("vapi").own("end-of-call-report")))
    assert result.exit_code == 0
    assert "1 to be put away" in result.stderr or "2 to be put away" in result.stderr
    assert "SYSTEM PROMPT" not in result.output


def test_the_address_names_what_the_payload_does_not() -> None:
    events = '{"kind":"function_call_completed","function_name":"f","tool_call_id":"c","timestamp":1790000010.2}\n'
    assert lines(run("pipecat", events))[0]["refused"] == "identity_missing"
    result = run("pipecat", events, "--query", "canonicalCallId=call-1", "--source", "pipecat/test")
    (tool,) = lines(result)
    assert (tool["canonicalCallId"], tool["source"]) == ("call-1", "pipecat/test")


def test_lines_of_one_observer_are_read_together() -> None:
    both = '"function_name":"f","tool_call_id":"c"'
    begun = f'{{"kind":"function_call_started",{both},"timestamp":1790000010.1,"arguments":{{"a":1}}}}'
    done = f'{{"kind":"function_call_completed",{both},"timestamp":1790000010.2}}'
    (tool,) = lines(run("pipecat", f"{begun}\n{done}\n", "--query", "canonicalCallId=call-1"))
    assert tool["arguments"] == {"a": 1}


def test_a_list_of_payloads_is_a_list_of_deliveries() -> None:
    vapi = Trying("vapi")
    result = run("vapi", json.dumps([vapi.own("hipaa"), vapi.own("speech-update")]))
    assert {one["type"] for one in lines(result) if "type" in one} >= {"call-ended"}


def test_otlp_comes_in_protobuf_too(tmp_path: Path) -> None:
    document = Trying("otel").own("tool-failed-while-status-is-unset")
    plain = run("otel", json.dumps(document), "--received-at", "2026-09-20T10:00:00Z")
    file = tmp_path / "spans"
    file.write_bytes(_protobuf(document))
    result = CliRunner().invoke(cli, ["normalize", "otel", str(file), "--received-at", "2026-09-20T10:00:00Z"])
    assert result.stdout == plain.stdout
    assert result.exit_code == 0
    assert run("vapi", b"x", "--protobuf").exit_code == 2
    assert lines(run("otel", b"x", "--protobuf"))[0]["refused"] == "not_readable"


def _protobuf(document: dict[str, Any]) -> bytes:
    """As an exporter would write it: protobuf's own JSON has IDs in base64."""
    text = json.dumps(document)
    made = json.loads(text)
    for part in made["resourceSpans"]:
        for scope in part["scopeSpans"]:
            for span in scope["spans"]:
                for name in ("traceId", "spanId", "parentSpanId"):
                    if name in span:
                        span[name] = b64encode(bytes.fromhex(span[name])).decode()
    return ParseDict(made, ExportTraceServiceRequest(), ignore_unknown_fields=True).SerializeToString()


def test_a_cloud_event_in_binary_mode_has_its_attributes_in_headers() -> None:
    headers = {
        "ce_specversion": "1.0", "ce_id": "1", "ce_source": "/test", "ce_type": "com.example.call.ended",
        "ce_time": "2026-09-20T10:00:00Z",
    }  # fmt: skip
    options = [part for name, value in headers.items() for part in ("--header", f"{name}={value}")]
    result = run("cloudevents", '{"callId": "call-7", "endedAt": "2026-09-20T10:00:00Z"}', *options)
    assert lines(result)[0]["canonicalCallId"] == "call-7"


@pytest.mark.parametrize("options", [["--query", "x"], ["--header", "=1"], ["--received-at", "yesterday"]])
def test_wrong_options_are_wrong_usage(options: list[str]) -> None:
    assert run("vapi", "{}", *options).exit_code == 2


def test_a_file_that_is_not_there_is_wrong_usage() -> None:
    assert CliRunner().invoke(cli, ["normalize", "vapi", "/nowhere.json"]).exit_code == 2


@pytest.mark.parametrize("provider", sorted(path.name for path in OWN.iterdir()))
def test_every_own_fixture_gives_what_it_says(provider: str) -> None:
    for path in sorted((OWN / provider).glob("*.json")):
        case = json.loads(path.read_text())
        if isinstance(case["document"], list):
            continue  # A file that holds a list may be a list of payloads.
        found = lines(run(provider, json.dumps(case["document"])))
        given = [one["refused"] for one in found] if "refused" in case else [one["type"] for one in found]
        assert given == ([case["refused"]] if "refused" in case else case["gives"]), path


def test_public_samples_give_lines() -> None:
    files = sorted(PUBLIC.glob("[a-z]*/[0-9]*.json*")) if PUBLIC.is_dir() else []
    files = [file for file in files if not file.name.endswith(".txt") and file.parent.name != "joins"]
    if not files:
        pytest.skip(f"{PUBLIC} is not here")
    for file in files:
        result = CliRunner().invoke(cli, ["normalize", file.parent.name, str(file)])
        assert result.exit_code in (0, 1), file
        assert lines(result), file
        assert "defect" not in result.stdout, file
