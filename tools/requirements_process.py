"""The only place for how a packet must come about and leave: rows of docs/requirements.md, pure data."""

from __future__ import annotations

from tools.requirements import Row

_PACKET = "stream_app.core.packet:Packet"
_MANIFEST = "stream_app.core.manifest:Manifest"
_SEALER = "stream_app.pipeline.seal:Sealer"
_ROWS = "stream_app.core.selection.reasons:reasons_of"
_REGISTRY = "stream_app.providers.registry"
_SUMMARY = "stream_app.core.summaries:summarise"

_INPUTS = "tests/house/test_schemas.py::test_contract_inputs_satisfy_schema_and_model"
_RACE = "tests/sinks/test_s3.py::test_twenty_writers_have_exactly_one_winner_and_its_bytes_stay"
_LOCKED = "tests/sinks/test_s3.py::test_what_bears_a_retention_class_is_locked_for_its_days_where_the_bucket_locks"
_EACH_REASON = "tests/core/selection/test_reasons.py::test_each_reason_is_found_and_nothing_beside_it"
_HIGHEST = "tests/core/selection/test_reasons.py::test_the_highest_reason_comes_first"
_RATE = "tests/core/selection/test_samples.py::test_a_stratum_gets_the_rate_that_was_asked"
_FINDINGS = "tests/core/test_tool_findings.py::test_findings"
_WHOLE = "tests/pipeline/test_seal.py::test_the_contracts_inputs_give_the_contracts_packet"
_GOLDEN = "tests/core/test_manifest.py::test_golden_manifests_come_out_byte_for_byte"
_FLIPPED = "tests/core/test_verification.py::test_a_flipped_bit_at_any_byte_of_the_manifest_is_found"
_UNREDACTED = "tests/core/test_sources.py::test_what_is_not_stated_to_be_redacted_is_withheld"
_SOURCES = "tests/core/test_sources.py::test_the_contracts_call_has_two_sources"
_MADE = "tests/core/test_artifacts.py::test_tools_evaluation_and_trace_are_made_of_the_evidence"
_NOT_SHOWN = "tests/pipeline/test_seal.py::test_a_transcript_that_cannot_be_shown_blocks_and_is_not_copied"
_NOT_COPIED = "tests/pipeline/test_seal.py::test_the_recording_is_never_read_whole_or_copied"
_ADOPTS = "tests/pipeline/test_seal.py::test_whoever_comes_second_adopts_what_was_committed_even_if_a_source_changed"
_OPENED = "tests/pipeline/test_trace_opener.py::test_a_required_trace_that_can_be_opened_is_not_missing"
_CANARIES = "tests/canaries/test_canaries.py::test_no_canary_leaves_or_is_kept_in_the_open"
_NO_PAYLOAD = "tests/pipeline/test_intake.py::test_no_payload_of_a_tool_goes_further"
_PARKED = "tests/core/test_identity.py::test_events_park_until_a_link_releases_them_in_their_order"
_REFUSED = "tests/pipeline/test_identity.py::test_an_alias_given_to_two_calls_is_disputed_and_nothing_is_lost"
_ADAPTERS = "tests/contracts/test_adapters.py::test_events_are_what_the_published_schemas_say"
_KEPT_OUT = "tests/contracts/test_adapters.py::test_strange_fields_change_nothing_and_what_must_not_leave_does_not"
_ORDERS = "tests/pipeline/test_identity.py::test_all_120_orders_of_five_events_that_name_no_call_end_in_one_minted_call"
_DORMANT = "tests/core/test_join.py::test_settled_without_a_reason_stays_in"

PROCESS_ROWS: tuple[Row, ...] = (
    Row(
        "Source systems",
        "Telephony provider",
        "Identity, times, disconnect reason and line quality in `call-ended`, made of Twilio's and Connect's payloads.",
        ("stream_app.core.events:CallEnded.disconnect_reason", "stream_app.core.events:CallQuality", _REGISTRY),
        (_INPUTS, _ADAPTERS),
    ),
    Row(
        "Source systems",
        "Voice agent platform",
        "Transcript, recording, log and capture by reference (`call-ended`, `artifact-ready`); measures; of Vapi,"
        " Retell, ElevenLabs and Pipecat.",
        ("stream_app.core.events:ArtifactReady", "stream_app.core.events:Measures", _REGISTRY),
        (_INPUTS, _ADAPTERS),
    ),
    Row(
        "Source systems",
        "Media runtime",
        "Room and egress IDs are aliases; recordings come as `artifact-ready`, or as never coming.",
        ("stream_app.core.identities:PRECEDENCE", _REGISTRY),
        (_INPUTS, _WHOLE, _ADAPTERS),
    ),
    Row(
        "Source systems",
        "Evaluation system",
        "`evaluation-completed` with rubric, score, assertions, versions and failure label, also of OpenTelemetry.",
        ("stream_app.core.events:EvaluationCompleted", _REGISTRY),
        (_INPUTS, _ADAPTERS),
    ),
    Row(
        "Source systems",
        "Tool/backend logs",
        "`tool-call` with status, retries and side-effect proof; payloads become summaries at the door.",
        ("stream_app.core.events:ToolCall", _SUMMARY),
        (_INPUTS, _NO_PAYLOAD),
    ),
    Row(
        "Source systems",
        "Object storage",
        "Artifacts named by digest, manifests written once; locked for their retention where the bucket locks.",
        ("stream_app.sinks.s3:S3ObjectStore.put_once", "stream_app.core.retention:days_of"),
        (_RACE, _LOCKED),
    ),
    Row(
        "Steps",
        "Select calls",
        "Reasons from evidence by policy rows; without a reason nothing leaves.",
        (_ROWS,),
        (_EACH_REASON, _DORMANT),
    ),
    Row(
        "Steps",
        "Resolve identity",
        "Aliases are linked to one canonical ID, minted where no system has one; two claims on one block both calls.",
        ("stream_app.core.identity:fold_link",),
        (_PARKED, _REFUSED, _ORDERS),
    ),
    Row(
        "Steps",
        "Fetch transcript",
        "Fetched from allowed places and checked; copied as it is when stated as redacted, else redacted here first.",
        (_SEALER, "stream_app.pipeline.clearance"),
        (
            _UNREDACTED,
            _NOT_SHOWN,
            "tests/pipeline/test_clearance.py::test_ours_has_a_note_and_a_report",
            "tests/pipeline/test_clearance.py::test_a_failure_is_missing_and_never_the_raw_one",
        ),
    ),
    Row(
        "Steps",
        "Fetch audio pointer",
        "The URI stays; digest, size and a WAV's header are read as it streams; addresses are made on demand.",
        (_SEALER, "stream_app.core.wav:read_wav", "stream_app.cli.packet_open:open_packet"),
        (
            _SOURCES,
            _NOT_COPIED,
            "tests/cli/test_packet_open.py::test_a_reviewer_opens_the_transcript_and_not_the_recording",
        ),
    ),
    Row(
        "Steps",
        "Fetch traces",
        "`trace-completed` brings key spans in summary; where none came the trace is opened in its backend.",
        ("stream_app.core.events:TraceCompleted", "stream_app.pipeline.trace_opener:open_trace"),
        (_MADE, _OPENED),
    ),
    Row(
        "Steps",
        "Fetch tool evidence",
        "Tool calls in summary, in order, with proofs, findings and which bear the same idempotency key; one artifact.",
        ("stream_app.core.packet:ToolEvidence", "stream_app.core.shown:key_names"),
        (_MADE, "tests/core/test_shown.py::test_equal_idempotency_keys_show_as_equal_and_as_nothing_else"),
    ),
    Row(
        "Steps",
        "Attach evaluation",
        "Score, rubric, labels and versions, written as one artifact.",
        ("stream_app.core.packet:EvaluationResult",),
        (_MADE,),
    ),
    Row(
        "Steps",
        "Write manifest",
        "Canonical bytes, conditional put; what is there is never overwritten.",
        (_MANIFEST, _SEALER),
        (_GOLDEN, _ADOPTS),
    ),
    Row(
        "Steps",
        "Queue review",
        "Each packet queues a task with owner, due time and outcomes; reviewers move it, once each.",
        ("stream_app.core.reviewing:MOVES", "stream_app.pipeline.review:ReviewPartition"),
        (
            "tests/scenarios/test_review.py::"
            "test_one_of_fifty_takers_wins_each_task_and_a_killed_stage_says_nothing_twice",
        ),
    ),
    Row(
        "Export levels",
        "aggregate_only",
        "A packet of this level carries no artifact; the weekly report tells counts, and of no group below five.",
        ("stream_app.core.gates.subject:Subject.figures_only", "stream_app.core.weekly:report_of"),
        (
            "tests/core/test_seal.py::test_figures_only_carry_no_evidence_of_the_call",
            "tests/core/test_weekly.py::test_no_group_below_the_minimum_is_told_or_follows_from_the_total",
        ),
    ),
    Row(
        "Export levels",
        "redacted_packet",
        "The default of every policy row.",
        ("stream_app.core.packet:Packet.export_level",),
        (_WHOLE,),
    ),
    Row(
        "Export levels",
        "raw_restricted",
        "Bodies go to a topic of their own, originals to a bucket of their own, with keys and generated access rules.",
        ("stream_app.core.publication:is_restricted", "stream_app.core.access:iam_policy"),
        (
            "tests/core/test_publication.py::test_blocked_and_raw_bodies_are_restricted",
            "tests/cli/test_iam_policies.py::test_with_a_reviewers_keys_every_raw_read_fails",
            "tests/pipeline/test_gathering.py::test_a_restricted_packet_has_the_original_where_restricted_readers_look",
        ),
    ),
    Row(
        "Quality gates",
        "Identity",
        "Conflicting contents or claims block.",
        ("stream_app.core.gates.identity:check",),
        ("tests/core/gates/test_identity.py::test_identity",),
    ),
    Row(
        "Quality gates",
        "Transcript",
        "Present, stated as redacted, with ordered speaker turns.",
        ("stream_app.core.gates.transcript:check",),
        ("tests/core/gates/test_transcript.py::test_transcript",),
    ),
    Row(
        "Quality gates",
        "Audio",
        "Pointer opens; digest, channels and duration agree with the call, by the recording's own header.",
        ("stream_app.core.gates.audio:check", "stream_app.core.wav:read_wav"),
        ("tests/core/gates/test_audio.py::test_audio", "tests/core/gates/test_selftest.py::test_every_vector_holds"),
    ),
    Row(
        "Quality gates",
        "Trace",
        "Trace ID and key spans where the reason needs them, told or opened; of another trace it blocks.",
        ("stream_app.core.gates.trace:check",),
        ("tests/core/gates/test_trace.py::test_trace", _OPENED),
    ),
    Row(
        "Quality gates",
        "Tool evidence",
        "Each call has summaries, latency and retries; what the agent claims must be proved by a tool call.",
        ("stream_app.core.gates.tool_evidence:check",),
        (
            "tests/core/gates/test_tool_evidence.py::test_tool_evidence",
            "tests/core/gates/test_selftest.py::test_every_vector_holds",
        ),
    ),
    Row(
        "Quality gates",
        "Evaluation",
        "A score has its rubric, versions and label.",
        ("stream_app.core.gates.evaluation:check",),
        ("tests/core/gates/test_evaluation.py::test_evaluation",),
    ),
    Row(
        "Quality gates",
        "Manifest",
        "Every artifact has a digest and a place.",
        ("stream_app.core.gates.manifest:check",),
        ("tests/core/gates/test_manifest.py::test_manifest",),
    ),
    Row(
        "Quality gates",
        "Review",
        "Owner, due time and outcomes are set.",
        ("stream_app.core.gates.review:check",),
        ("tests/core/gates/test_review.py::test_review",),
    ),
    Row(
        "What not to export",
        "full raw provider logs",
        "Logs stay references; nothing copies them, and no adapter passes a payload on.",
        ("stream_app.core.sources:sources_of",),
        (_SOURCES, _KEPT_OUT),
    ),
    Row(
        "What not to export",
        "secrets and credentials",
        "Tool payloads become keys and types at the door; secrets typed into a transcript are masked.",
        (_SUMMARY, "stream_app.core.redaction.secrets:told_secrets"),
        (_NO_PAYLOAD, _CANARIES),
    ),
    Row(
        "What not to export",
        "unredacted personal data",
        "What is not stated as redacted is redacted here; the leak gate searches whatever leaves.",
        ("stream_app.core.sources:sources_of", "stream_app.core.redaction.leaks"),
        (_UNREDACTED, "tests/core/redaction/test_leaks.py::test_what_is_left_blocks_and_is_not_quoted"),
    ),
    Row(
        "What not to export",
        "every trace span",
        "Key spans in summary, at most 256.",
        ("stream_app.core.events:KeySpan",),
        (_MADE,),
    ),
    Row(
        "What not to export",
        "every call of a busy day",
        "A call without a reason is dormant; nothing of it leaves.",
        ("stream_app.core.judgement:judge",),
        (_DORMANT,),
    ),
    Row(
        "What not to export",
        "prompts and hidden instructions",
        "No event has a place for them; unknown fields are dropped.",
        ("stream_app.core.artifacts:made_artifacts", "stream_app.core.model:Model"),
        ("tests/core/test_artifacts.py::test_what_is_not_on_the_list_of_fields_never_gets_in", _KEPT_OUT),
    ),
    Row(
        "What not to export",
        "identifiers in metric labels",
        "Labels have closed value sets; anything else is refused.",
        ("stream_app.telemetry.catalogue:Label",),
        (
            "tests/telemetry/test_recorders.py::test_a_run_shows_every_metric_and_leaks_nothing",
            "tests/telemetry/test_recorders.py::test_what_is_outside_the_closed_sets_is_refused_at_once",
        ),
    ),
    Row("Uses", "review only what needs attention", "Reasons and rates, not volume.", (_ROWS,), (_EACH_REASON, _RATE)),
    Row(
        "Uses",
        "evaluation beside transcript, audio, trace and tools",
        "One packet holds them under one ID.",
        (_PACKET,),
        (_WHOLE,),
    ),
    Row(
        "Uses",
        "packets preserved for audits",
        "Manifests written once, hashed, checkable offline.",
        (_MANIFEST,),
        (_FLIPPED,),
    ),
    Row(
        "Uses",
        "failure clusters become tests",
        "The trigger `failure_cluster` selects; `stream-app review promote` writes the fixture.",
        (_ROWS, "stream_app.core.fixtures:fixture_of"),
        (
            "tests/core/selection/test_reasons.py::test_a_request_names_its_trigger",
            "tests/cli/test_review.py::test_a_promoted_packet_becomes_a_file_and_is_written_again_at_will",
        ),
    ),
    Row(
        "Uses",
        "decision-ready packets",
        "Gates, findings and the hand-off checklist stand in the packet; `packet export` adds a page that shows them.",
        ("stream_app.core.gates:GATES", "stream_app.cli.packet_export:export"),
        (
            "tests/core/gates/test_init.py::test_every_gate_rejects_its_own_bad_case_and_no_other_gate_does",
            "tests/cli/test_packet_export.py::test_an_export_holds_everything_and_verifies",
        ),
    ),
    Row(
        "Hand-off checklist",
        "one canonical ID and aliases",
        "Packet and manifest hold both.",
        (f"{_PACKET}.provider_aliases",),
        (_WHOLE,),
    ),
    Row(
        "Hand-off checklist",
        "selection reason and owner",
        "From the policy row.",
        (f"{_PACKET}.review",),
        (_HIGHEST, "tests/core/gates/test_review.py::test_review"),
    ),
    Row(
        "Hand-off checklist",
        "transcript redaction state explicit",
        "Unknown counts as not redacted.",
        ("stream_app.core.sources:sources_of",),
        ("tests/core/test_sources.py::test_a_reference_that_says_nothing_of_redaction_is_withheld",),
    ),
    Row("Hand-off checklist", "audio a controlled pointer", "Never copied.", (f"{_PACKET}.audio_uri",), (_NOT_COPIED,)),
    Row(
        "Hand-off checklist",
        "trace for engineering packets",
        "Policy rows for engineering require the trace.",
        ("stream_app.core.selection:required_kinds",),
        ("tests/core/selection/test_reasons.py::test_what_is_required",),
    ),
    Row(
        "Hand-off checklist",
        "tool-call summaries",
        "Request, result, latency, retries, proof.",
        ("stream_app.core.packet:ToolEvidence.side_effect_proof",),
        (_FINDINGS, _MADE),
    ),
    Row(
        "Hand-off checklist",
        "evaluation result readable",
        "Rubric, score, evaluator version, failure label.",
        ("stream_app.core.gates.evaluation:check",),
        ("tests/core/gates/test_evaluation.py::test_evaluation",),
    ),
    Row("Hand-off checklist", "manifest hash immutable", "Written once per version.", (_SEALER,), (_ADOPTS,)),
    Row(
        "Hand-off checklist",
        "review outcomes",
        "All four allowed outcomes, from the policy.",
        ("stream_app.core.policy:Outcome",),
        ("tests/core/gates/test_review.py::test_review",),
    ),
    Row(
        "Hand-off checklist",
        "retention class",
        "From the policy row; in packet and manifest.",
        (f"{_PACKET}.retention_class",),
        (_WHOLE,),
    ),
)
