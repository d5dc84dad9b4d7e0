"""What continuous integration says of a commit, from three of GitHub's lists. Pure.

Check runs come from apps (GitHub Actions among them), statuses from services. A workflow that still runs may make
more check runs, for a job that waits for another has none yet: so nothing is over before every workflow run is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from agentgate_engine.delivery.api_answers import Annotation, CheckRun, CommitStatus, WorkflowRun
from agentgate_engine.delivery.hostile_text import block, one_line
from agentgate_engine.models.delivery import CiState

MAX_OUTPUT = 4000
MAX_MARKS = 20
_GOOD = ("success", "neutral", "skipped")
_FOR_PEOPLE = "action_required"


@dataclass(frozen=True, slots=True)
class CiMark:
    """A place that a check points at. `kind` is `failure`, `warning` or `notice`."""

    path: str
    line: int
    column: int | None
    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class CiFinding:
    """One check. `state` is `passed`, `failed`, `pending` or `person` (somebody has to approve it)."""

    name: str
    state: str
    conclusion: str
    url: str | None = None
    title: str = ""
    output: str = ""
    check_run: int | None = None
    duration_ms: int = 0
    marks: tuple[CiMark, ...] = ()


@dataclass(frozen=True, slots=True)
class CiVerdict:
    """All checks of a commit, those that failed first. `text` is one sentence for people."""

    state: CiState
    sha: str
    findings: tuple[CiFinding, ...] = ()
    url: str | None = None
    text: str = ""

    def count(self, state: str) -> int:
        return sum(each.state == state for each in self.findings)

    @property
    def failures(self) -> tuple[CiFinding, ...]:
        return tuple(each for each in self.findings if each.state == "failed")

    @property
    def unfinished(self) -> int:
        return self.count("pending") + self.count("person")


def judge(sha: str, checks: list[CheckRun], statuses: list[CommitStatus], runs: list[WorkflowRun]) -> CiVerdict:
    """The verdict of this moment: `pending` while anything is under way, `none_found` where there is nothing."""
    found = [_of_check(each) for each in checks] + [_of_status(each) for each in statuses]
    found += [_of_workflow(each) for each in runs if _tells_more(each, found)]
    found.sort(key=lambda each: (("failed", "person", "pending", "passed").index(each.state), each.name))
    findings = _named_apart(found)
    url = next((one_line(run.html_url, 500) for run in runs), None) or next((f.url for f in findings if f.url), None)
    verdict = CiVerdict("pending", sha, findings, url)
    if not findings:
        return replace(verdict, state="none_found", text="no check of continuous integration was found")
    if verdict.unfinished:
        return replace(verdict, text=_progress(verdict))
    state = "failed" if verdict.failures else "passed"
    return replace(verdict, state=state, text=_outcome(verdict))


def with_marks(finding: CiFinding, annotations: list[Annotation]) -> CiFinding:
    """The finding with the places that its annotations name, failures first."""
    order = {"failure": 0, "warning": 1}
    chosen = sorted(annotations, key=lambda each: order.get(each.annotation_level or "", 2))[:MAX_MARKS]
    return replace(finding, marks=tuple(_mark(each) for each in chosen))


def timed_out(verdict: CiVerdict, seconds: float) -> CiVerdict:
    """The verdict once nobody waits any longer: what failed by then failed, and the rest is a timeout."""
    if verdict.failures:
        return replace(verdict, state="failed", text=f"{_outcome(verdict)}, {verdict.unfinished} unfinished")
    waiting = ", ".join(each.name for each in verdict.findings if each.state in ("pending", "person"))
    text = f"continuous integration was not done after {seconds:g} s; still open: {one_line(waiting, 300) or 'nothing'}"
    if verdict.count("person"):
        text += "; some wait for a person's approval on GitHub"
    return replace(verdict, state="timeout", text=text)


def _of_check(run: CheckRun) -> CiFinding:
    said = "\n\n".join(part for part in (run.output.summary, run.output.text) if part)
    return CiFinding(
        name=one_line(run.name, 100) or f"check {run.id}",
        state=_state(run.status, run.conclusion),
        conclusion=one_line(run.conclusion or run.status, 40),
        url=_url(run.html_url or run.details_url),
        title=one_line(run.output.title or "", 200),
        output=block(said, MAX_OUTPUT),
        check_run=run.id,
    )


def _of_status(status: CommitStatus) -> CiFinding:
    state = {"success": "passed", "pending": "pending"}.get(status.state, "failed")
    return CiFinding(
        name=one_line(status.context, 100) or "status",
        state=state,
        conclusion=one_line(status.state, 40),
        url=_url(status.target_url),
        title=one_line(status.description or "", 200),
    )


def _of_workflow(run: WorkflowRun) -> CiFinding:
    return CiFinding(
        name=f"workflow {one_line(run.name or str(run.id), 90)}",
        state=_state(run.status or "", run.conclusion),
        conclusion=one_line(run.conclusion or run.status or "", 40),
        url=_url(run.html_url),
    )


def _tells_more(run: WorkflowRun, found: list[CiFinding]) -> bool:
    """A workflow run counts by itself while it runs, and when it failed without any check run that did (a broken
    workflow file has no jobs)."""
    state = _state(run.status or "", run.conclusion)
    return state in ("pending", "person") or (state == "failed" and not any(each.state == "failed" for each in found))


def _state(status: str, conclusion: str | None) -> str:
    if conclusion == _FOR_PEOPLE:
        return "person"
    if status != "completed" and conclusion is None:
        return "pending"
    return "passed" if conclusion in _GOOD else "failed"


def _named_apart(found: list[CiFinding]) -> tuple[CiFinding, ...]:
    """Names are unique, for they make ids: two workflows may have a job of one name."""
    seen: dict[str, int] = {}
    named: list[CiFinding] = []
    for each in found:
        seen[each.name] = seen.get(each.name, 0) + 1
        named.append(replace(each, name=f"{each.name} ({seen[each.name]})") if seen[each.name] > 1 else each)
    return tuple(named)


def _mark(annotation: Annotation) -> CiMark:
    said = ": ".join(part for part in (annotation.title, annotation.message) if part)
    return CiMark(
        path=one_line(annotation.path, 300),
        line=annotation.start_line,
        column=annotation.start_column,
        kind=one_line(annotation.annotation_level or "notice", 20),
        message=one_line(said, 500) or "no message",
    )


def _url(url: str | None) -> str | None:
    return one_line(url, 500) if url and url.startswith(("https://", "http://")) else None


def _progress(verdict: CiVerdict) -> str:
    people = f", {verdict.count('person')} waiting for a person" if verdict.count("person") else ""
    done = f"{verdict.count('passed')} passed, {verdict.count('failed')} failed"
    return f"{done}, {verdict.count('pending')} under way{people}"


def _outcome(verdict: CiVerdict) -> str:
    if not verdict.failures:
        return f"every check of continuous integration passed ({verdict.count('passed')})"
    names = one_line(", ".join(each.name for each in verdict.failures), 300)
    return f"{len(verdict.failures)} of {len(verdict.findings)} checks of continuous integration failed: {names}"
