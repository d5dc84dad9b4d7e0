"""The types of errors: what each is called, and its number."""

from __future__ import annotations

import pytest

from agentgate_engine.models.build_error import BuildErrorType, exit_status_of

STATUS = [
    ("agent_crash", 500),
    ("agent_timeout", 504),
    ("agent_task_failure", 422),
    ("typecheck_failed", 422),
    ("lint_failed", 422),
    ("test_failed", 422),
    ("blackbox_failed", 422),
    ("ci_failed", 422),
    ("contract_failed", 422),
    ("workspace_error", 500),
    ("snapshot_error", 500),
    ("github_error", 502),
    ("system_error", 500),
    ("unknown", 500),
]


@pytest.mark.parametrize(("name", "status"), STATUS)
def test_each_type_has_its_number_and_a_sentence(name: str, status: int) -> None:
    """upstream.md 4.8: crash 500, timeout 504, task and checks 422, workspace 500, github 502."""
    kind = BuildErrorType(name)
    assert exit_status_of(kind) == exit_status_of(name) == status
    assert kind.description.endswith(".")


def test_the_table_above_is_whole() -> None:
    """upstream.md 4.1: the thirteen types, and contract_failed."""
    assert {name for name, _ in STATUS} == {kind.value for kind in BuildErrorType}


@pytest.mark.parametrize(("name", "status"), [("QUEUE_FULL", 503), ("QUEUE_TIMEOUT", 504), ("never heard of", 500)])
def test_the_queue_has_numbers_too(name: str, status: int) -> None:
    """upstream.md 4.8: QUEUE_FULL 503, QUEUE_TIMEOUT 504."""
    assert exit_status_of(name) == status
