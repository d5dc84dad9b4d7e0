"""The event catalogue: every type has one payload, and every event says when, of which run, of which order."""

from __future__ import annotations

import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from agentgate_engine.models.event_type import EventType
from agentgate_engine.models.events import PAYLOADS, Event, Payload, parse_payload

ORIGINAL = [
    "run:queued",
    "run:started",
    "run:complete",
    "run:failed",
    "iteration:started",
    "iteration:complete",
    "agent:started",
    "agent:complete",
    "agent:failed",
    "verification:started",
    "verification:complete",
    "workspace:acquired",
    "workspace:released",
    "snapshot:created",
    "snapshot:restored",
    "pr:created",
    "pr:merged",
    "strategy:decision",
]


def test_the_original_s_eighteen_names_are_there() -> None:
    """upstream.md 10.1: the 18 names."""
    assert len(ORIGINAL) == 18
    assert set(ORIGINAL) <= {kind.value for kind in EventType}


def test_every_type_has_a_payload_of_its_own() -> None:
    """upstream.md 10.2: a schema for each event."""
    assert set(PAYLOADS) == set(EventType)
    assert len(set(PAYLOADS.values())) == len(EventType)
    assert all(payload.type is kind for kind, payload in PAYLOADS.items())


def sample(payload: type[Payload]) -> Payload:
    """A payload with every required field filled from its own schema."""
    return payload.model_validate(_value(payload.model_json_schema(by_alias=True), {}))


def _value(schema: dict[str, object], definitions: dict[str, object]) -> object:
    """The plainest value that a JSON schema allows."""
    definitions = definitions or schema.get("$defs", {})  # type: ignore[assignment]
    match schema:
        case {"$ref": str(name)}:
            return _value(definitions[name.rsplit("/", 1)[1]], definitions)  # type: ignore[arg-type]
        case {"const": value}:
            return value
        case {"enum": [value, *_]}:
            return value
        case {"anyOf": [first, *_]}:
            return _value(first, definitions)  # type: ignore[arg-type]
        case {"type": "object"}:
            properties: dict[str, dict[str, object]] = schema.get("properties", {})  # type: ignore[assignment]
            required: list[str] = schema.get("required", [])  # type: ignore[assignment]
            return {name: _value(properties[name], definitions) for name in required}
        case {"type": "array"}:
            return []
        case {"type": "integer" | "number"}:
            return 1
        case {"type": "boolean"}:
            return True
        case {"type": "null"}:
            return None
        case _:
            return "2026-01-01T00:00:00.000Z"


def event_of(payload: Payload) -> Event:
    return Event(
        seq=0,
        t="2026-01-01T00:00:00.000Z",
        type=payload.type,
        run_id="abcd2345.1",
        work_order_id="abcd2345",
        iteration=1,
        fence=1,
        data=payload.model_dump(mode="json", by_alias=True),
    )


@pytest.mark.parametrize("kind", list(EventType))
def test_every_event_goes_to_the_disk_and_back_with_when_and_whose(kind: EventType) -> None:
    """upstream.md 10.2: every event carries timestamp, runId, workOrderId; its data is its type's and nothing less."""
    payload = sample(PAYLOADS[kind])
    line = event_of(payload).to_line()
    assert line.count(b"\n") == 1
    document = json.loads(line)
    assert {"seq", "t", "type", "runId", "workOrderId", "fence", "data"} <= document.keys()
    assert document["type"] == kind.value
    back = parse_payload(Event.model_validate_json(line))
    assert type(back) is PAYLOADS[kind]
    assert back == payload
    for missing in ("t", "type", "runId", "workOrderId", "seq", "fence"):
        with pytest.raises(ValidationError):
            Event.model_validate({name: value for name, value in document.items() if name != missing})
    for field in PAYLOADS[kind].model_json_schema(by_alias=True).get("required", []):
        broken = {name: value for name, value in document["data"].items() if name != field}
        with pytest.raises(ValidationError):
            parse_payload(Event.model_validate({**document, "data": broken}))


@pytest.mark.parametrize(
    "kind",
    [
        EventType.AGENT_COMPLETE,
        EventType.AGENT_FAILED,
        EventType.VERIFICATION_COMPLETE,
        EventType.ITERATION_COMPLETE,
        EventType.FEEDBACK_GENERATED,
        EventType.DELIVERY_COMPLETE,
    ],
)
def test_an_event_with_evidence_names_its_file(kind: EventType) -> None:
    """upstream.md 10.2: agent and verification events carry the file name beside the result."""
    assert PAYLOADS[kind].model_fields["file"].is_required()
    results = {EventType.AGENT_COMPLETE: "outcome", EventType.AGENT_FAILED: "error"}
    assert results.get(kind, "file") in PAYLOADS[kind].model_fields


def test_every_change_of_state_is_synced() -> None:
    """DESIGN 4: only progress within a phase may be lost with the power."""
    assert {kind.value for kind, payload in PAYLOADS.items() if not payload.synced} == {
        "agent:message",
        "agent:tool_started",
        "agent:tool_finished",
        "agent:usage",
        "check:started",
        "check:finished",
    }


@given(st.text())
def test_a_type_that_nobody_knows_is_refused(name: str) -> None:
    if name not in set(EventType):
        with pytest.raises(ValidationError):
            Event(seq=0, t="x", type=name, run_id="r", work_order_id="o", fence=0, data={})  # type: ignore[arg-type]


def test_a_finished_run_says_so_with_its_result() -> None:
    assert get_args(PAYLOADS[EventType.RUN_COMPLETE].model_fields["result"].annotation) == ("passed",)
