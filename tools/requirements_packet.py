"""The only place for what a packet and its manifest must hold: rows of docs/requirements.md, pure data."""

from __future__ import annotations

from tools.requirements import Row

_PACKET = "stream_app.core.packet:Packet"
_MANIFEST = "stream_app.core.manifest:Manifest"
_SEALER = "stream_app.pipeline.seal:Sealer"
_ROWS = "stream_app.core.selection.reasons:reasons_of"
_VERIFY = "stream_app.core.verification:verify"

_EACH_REASON = "tests/core/selection/test_reasons.py::test_each_reason_is_found_and_nothing_beside_it"
_HIGHEST = "tests/core/selection/test_reasons.py::test_the_highest_reason_comes_first"
_RATE = "tests/core/selection/test_samples.py::test_a_stratum_gets_the_rate_that_was_asked"
_PROBABILITY = (
    "tests/core/selection/test_reasons.py::test_a_sampled_call_says_with_which_probability_and_of_which_stratum"
)
_BY_QUEUE = "tests/core/selection/test_reasons.py::test_the_executive_sample_is_drawn_by_queue"
_FINDINGS = "tests/core/test_tool_findings.py::test_findings"
_WHOLE = "tests/pipeline/test_seal.py::test_the_contracts_inputs_give_the_contracts_packet"
_RUNBOOK = "tests/core/test_manifest.py::test_it_answers_the_runbooks_sample_field_by_field"
_GOLDEN = "tests/core/test_manifest.py::test_golden_manifests_come_out_byte_for_byte"
_FLIPPED = "tests/core/test_verification.py::test_a_flipped_bit_at_any_byte_of_the_manifest_is_found"
_SHA256SUM = "tests/core/test_manifest.py::test_golden_hashes_are_what_sha256sum_says"
_UNREDACTED = "tests/core/test_sources.py::test_what_is_not_stated_to_be_redacted_is_withheld"
_SOURCES = "tests/core/test_sources.py::test_the_contracts_call_has_two_sources"
_STUB = "tests/core/test_publication.py::test_a_stub_says_why_and_nothing_of_what_was_said_or_done"
_CANARIES = "tests/canaries/test_canaries.py::test_no_canary_leaves_or_is_kept_in_the_open"
_NO_PAYLOAD = "tests/pipeline/test_intake.py::test_no_payload_of_a_tool_goes_further"
_PARKED = "tests/core/test_identity.py::test_events_park_until_a_link_releases_them_in_their_order"
_REFUSED = "tests/pipeline/test_identity.py::test_an_alias_given_to_two_calls_is_disputed_and_nothing_is_lost"
_NAMED = "tests/core/test_join.py::test_deadline_names_what_never_came_and_what_was_declared_never"


def _field(name: str, here: str, place: str, test: str = _WHOLE, issue: int | None = None) -> Row:
    return Row("Packet fields", name, here, (f"{_PACKET}.{place}",), (test,), issue)


def _reason(name: str, here: str, tests: tuple[str, ...] = (_EACH_REASON,), issue: int | None = None) -> Row:
    return Row("Selection reasons", name, here, (_ROWS,), tests, issue)


def _sample(name: str, here: str, place: str) -> Row:
    return Row("Manifest sample", name, here, (f"{_MANIFEST}.{place}",), (_RUNBOOK,))


PACKET_ROWS: tuple[Row, ...] = (
    _field(
        "canonicalCallId",
        "One stable ID; events that know only aliases wait until a link names it.",
        "canonical_call_id",
        _PARKED,
    ),
    _field("providerAliases", "Every alias any evidence named, by scheme.", "provider_aliases"),
    _field(
        "selectionReason", "The highest reason that holds; `otherReasons` lists the rest.", "selection_reason", _HIGHEST
    ),
    _field("agentVersion", "As call-ended states it.", "agent_version"),
    _field(
        "redactedTranscriptUri",
        "A copy, named by its digest: as it came where its source states it as redacted, else redacted here.",
        "redacted_transcript_uri",
        _UNREDACTED,
    ),
    _field("audioUri", "A pointer to the recording where it lies; never a copy.", "audio_uri", _SOURCES),
    _field("traceId", "As any evidence states it; it counts as an alias too.", "trace_id"),
    _field("toolEvidence", "Each tool call in summary, with what was computed about it.", "tool_evidence", _FINDINGS),
    _field("evaluationResult", "Score with rubric, versions and label.", "evaluation_result"),
    _field("redactionState", "Stated, never assumed.", "redaction_state", _UNREDACTED),
    _field("manifestHash", "SHA-256 over the manifest's stored bytes.", "manifest_hash", _SHA256SUM),
    _field(
        "reviewStatus",
        "Starts as queued; the task on `review-tasks` moves, the packet and its manifest do not.",
        "review_status",
        "tests/core/test_reviewing.py::test_each_move_leads_where_its_row_says",
    ),
    _reason(
        "customer_reported",
        "A `call-reported` event names the call, or an account and a time: the one call it had then is meant.",
        (
            _EACH_REASON,
            "tests/pipeline/test_account_book.py::"
            "test_all_120_orders_of_a_story_find_the_one_call_that_the_report_means",
        ),
    ),
    _reason(
        "failed_tool_call",
        "Findings: failed, timed out, invalid result, duplicated write, wrong arguments.",
        (
            _EACH_REASON,
            _FINDINGS,
            "tests/core/test_tool_rules.py::test_the_default_policy_exports_a_call_with_wrong_arguments_once_its_tools_are_known",
        ),
    ),
    _reason(
        "unsafe_or_noncompliant",
        "The evaluation raises a policy flag, or an assertion about safety or disclosure fails.",
    ),
    _reason("regression_candidate", "A failing label, a failure label, or a failed assertion of high severity."),
    _reason("low_confidence_turn", "Lowest speech or intent confidence below the policy's threshold."),
    _reason("latency_or_silence", "Longest silence, slow answers or interruptions above the policy's thresholds."),
    _reason(
        "scheduled_sample", "Keyed hash below the stratum's rate; the rate stands in the packet.", (_RATE, _PROBABILITY)
    ),
    _reason("executive_report_sample", "The same, at its own rate.", (_RATE, _BY_QUEUE)),
    _sample("canonicalCallId", "Same name.", "canonical_call_id"),
    _sample("selectionReason", "Same name.", "selection_reason"),
    _sample("agentVersion", "Same name.", "agent_version"),
    _sample("providerAliases.twilioCallSid", "Same name; any scheme.", "provider_aliases"),
    _sample("providerAliases.livekitRoom", "Same name; any scheme.", "provider_aliases"),
    _sample("providerAliases.traceId", "Same name; any scheme.", "provider_aliases"),
    _sample(
        "artifacts.redactedTranscriptUri",
        "Same name, with digest, size, media type and redaction state.",
        "artifacts.redacted_transcript_uri",
    ),
    _sample("artifacts.audioUri", "Same name; a pointer with its digest.", "artifacts.audio_uri"),
    _sample("artifacts.toolEvidenceUri", "Same name.", "artifacts.tool_evidence_uri"),
    _sample("artifacts.evaluationUri", "Same name.", "artifacts.evaluation_uri"),
    _sample("redactionState", "Same name.", "redaction_state"),
    _sample("review.owner", "From the policy row of the reason.", "review.owner"),
    _sample("review.status", "As first assigned; later moves never touch a manifest.", "review.status"),
    _sample("review.allowedOutcomes", "From the policy row of the reason.", "review.allowed_outcomes"),
    Row("Manifest questions", "which call was exported", "Canonical ID and aliases.", (_MANIFEST,), (_RUNBOOK,)),
    Row(
        "Manifest questions",
        "why it was selected",
        "Reason, other reasons, trigger, policy version and digest.",
        (_MANIFEST,),
        (_GOLDEN,),
    ),
    Row(
        "Manifest questions",
        "which artifacts were attached",
        "URI, digest, size and media type of each.",
        (_MANIFEST,),
        (_GOLDEN,),
    ),
    Row(
        "Manifest questions",
        "whether it changed after review",
        "`stream-app verify` on stored bytes, the signature beside them, the previous version's hash, the ledger.",
        (_VERIFY, "stream_app.core.attestation", "stream_app.core.chain", "stream_app.core.ledger_chain"),
        (
            _FLIPPED,
            "tests/core/test_attestation.py::test_another_key_another_manifest_or_no_key_proves_nothing",
            "tests/core/test_chain.py::test_a_gap_is_named_also_a_wide_one",
            "tests/core/test_ledger_chain.py::test_a_removed_hour_is_named",
        ),
    ),
    Row(
        "Rules",
        "Export rule",
        "What cannot be joined under one ID is parked, or refused with an alert; a packet names what it lacks.",
        ("stream_app.core.identity:fold_park", "stream_app.core.requirements:missing_of"),
        (_PARKED, _REFUSED, _NAMED),
    ),
    Row(
        "Rules",
        "Manifest rule",
        "The manifest answers the four questions above by itself, offline.",
        (_MANIFEST,),
        (_RUNBOOK, _FLIPPED),
    ),
    Row(
        "Rules",
        "Reviewer-safe export",
        "No payloads behind intake; blocked bodies on a topic of their own; only redacted transcripts are copied.",
        ("stream_app.core.evidence:reduce_event", _SEALER),
        (
            _NO_PAYLOAD,
            _UNREDACTED,
            _STUB,
            _CANARIES,
        ),
    ),
)
