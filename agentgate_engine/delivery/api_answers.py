"""What we read of GitHub's answers. Keys that we do not use are passed over."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Account(Answer):
    login: str


class RepositoryName(Answer):
    full_name: str


class RepositoryInfo(Answer):
    """A repository. `parent` is the one that a fork was made from."""

    full_name: str
    default_branch: str
    html_url: str
    clone_url: str
    ssh_url: str
    fork: bool = False
    archived: bool = False
    parent: RepositoryName | None = None


class BranchTip(Answer):
    sha: str
    ref: str


class PullRequest(Answer):
    number: int
    html_url: str
    state: str
    title: str
    body: str | None = None
    draft: bool = False
    merged_at: str | None = None
    head: BranchTip
    base: BranchTip


class Comment(Answer):
    html_url: str
    body: str = ""


class CheckOutput(Answer):
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    annotations_count: int = 0


class CheckRun(Answer):
    """A check of an app. `conclusion` is set once `status` is `completed`."""

    id: int
    name: str
    status: str
    conclusion: str | None = None
    html_url: str | None = None
    details_url: str | None = None
    started_at: str | None = None
    completed_at: str | None = None
    output: CheckOutput = CheckOutput()


class Annotation(Answer):
    path: str
    start_line: int
    start_column: int | None = None
    annotation_level: str | None = None
    title: str | None = None
    message: str | None = None


class CommitStatus(Answer):
    """What a service said of a commit: `error`, `failure`, `pending` or `success`."""

    context: str
    state: str
    description: str | None = None
    target_url: str | None = None


class WorkflowRun(Answer):
    id: int
    name: str | None = None
    status: str | None = None
    conclusion: str | None = None
    html_url: str
    event: str


class CheckRunPage(Answer):
    total_count: int
    check_runs: list[CheckRun]


class CombinedStatus(Answer):
    total_count: int
    statuses: list[CommitStatus]


class WorkflowRunPage(Answer):
    total_count: int
    workflow_runs: list[WorkflowRun]


class ErrorDetail(Answer):
    resource: str | None = None
    field: str | None = None
    code: str | None = None
    message: str | None = None


class ErrorAnswer(Answer):
    message: str = ""
    errors: list[ErrorDetail | str] = []
