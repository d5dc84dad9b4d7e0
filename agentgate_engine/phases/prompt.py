"""What an agent is told: the task, and from the second iteration on the feedback of the one before."""

from __future__ import annotations


def compose_prompt(task: str, feedback: str | None, *, resumes_session: bool) -> str:
    """The exact text for one agent call. A resumed conversation knows the task already and gets the feedback alone."""
    if feedback is None:
        return task
    if resumes_session:
        return feedback
    return f"{task.rstrip()}\n\n---\n\n{feedback}"
