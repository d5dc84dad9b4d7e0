"""Why a workflow, a job or a step of somebody's CI is not imported as a check.

Two rules stand above usefulness. What publishes or deploys is never run: a gate that releases the agent's work would be
a disaster. And nothing is run that changes the machine beyond the check's own directory. Where in doubt a step is left
out, and the plan's warnings say so.
"""

from __future__ import annotations

import re

from agentgate_engine.verify.workflow_file import Job, Step, Workflow, is_false, section, text_of, texts_of, triggers
from agentgate_engine.verify.yaml_value import YamlValue

MAX_SCRIPT = 16_000
"""Characters. The command is one argument of a process, of which Linux takes 128 KiB, quotes included."""

_JUDGING = ("push", "pull_request", "merge_group")
_CHANGE_TYPES = ("opened", "synchronize", "reopened", "ready_for_review")
_HARMLESS_CONDITION = re.compile(r"(?:\$\{\{\s*)?(?:true|always\(\)|success\(\)|!\s*cancelled\(\))(?:\s*\}\})?\Z")

_PUBLISHING = re.compile(
    r"\b(?:deploy(?:s|ments?|ing)?|publish(?:es|ing|ed)?|upload(?:s|ing)?|push(?:es)?|promote|rollout)\b"
)
_RELEASING = re.compile(r"\breleas(?:es?|ing)\b|\bcd\b")
_JUDGING_WORD = re.compile(r"\b(?:tests?|testing|lint|checks?|builds?|typecheck|verify|ci)\b")

_BEFORE = (
    r"(?:^[ \t]*|[;&|({`][ \t]*|(?:\beval|[ \t]-c)[ \t]+['\"]?"
    r"|\b(?:then|do|else|exec|xargs|env|time|bash|sh|python3?|node|npx|sudo|run|command)[ \t]+(?:-\S+[ \t]+){0,4})"
    r"(?:\w+=\S*[ \t]+){0,8}"
)


def _command(*programs: str) -> re.Pattern[str]:
    """One of these commands, wherever a shell may begin one. A blank is never a line's end, and every repetition has a
    bound, so that no script makes the search explode."""
    bounded = "|".join(programs).replace(r"\s+)*", r"\s+){0,12}").replace(r"\s", r"[ \t]")
    whole = f"{_BEFORE}(?P<shown>{bounded})(?=$|[ \\t\\n;&|)}}'\"])"
    return re.compile(whole.replace(r"\S+", r"\S{1,100}").replace(r"\S*", r"\S{0,100}"), re.MULTILINE)


_PUBLISHING_COMMANDS = _command(
    r"(?:npm|pnpm|yarn|bun|cargo|poetry|uv|hatch|flit|pdm|lerna|changeset|vsce|ovsx)\s+(?:-\S+\s+|npm\s+)*publish",
    r"(?:npm|pnpm|yarn|bun)\s+(?:run\s+)?(?:\S+[:-])?(?:deploy|publish|release)\S*",
    r"(?:\S+\s+)?(?:semantic-release|changeset\s+publish|gh-pages|goreleaser|sentry-cli)",
    r"make\s+(?:\S+\s+)*(?:deploy|publish|release|upload)\S*",
    r"(?:-m\s+)?twine\s+(?:-\S+\s+)*upload|setup\.py\s+(?:\S+\s+)*upload|gem\s+push|mike\s+deploy|mkdocs\s+gh-deploy",
    r"git\s+(?:\S+\s+){0,4}(?:push|tag)|gh|hub|aws|gcloud|gsutil|az|kubectl|helm|terraform|tofu|pulumi",
    r"ansible\S*|flyctl|fly|vercel|netlify|wrangler|firebase|heroku|serverless|sls|cdk|codecov|coveralls",
    r"(?:\./)?(?:mvnw?|gradlew?)\s+(?:\S+\s+)*(?:deploy|publish)\S*|ssh|scp|sftp|rsync|lftp",
    r"(?:[\w./-]{0,100}/)?(?:deploy|publish|release|upload)[\w.-]*",
)
_MACHINE_COMMANDS = _command(
    r"sudo|su|apt|apt-get|dpkg|yum|dnf|apk|pacman|zypper|brew|snap|choco|systemctl|service|modprobe|mount|sysctl",
    r"useradd|chown|ufw|iptables|mkfs\S*|shutdown|reboot|docker|docker-compose|podman|conda|mamba|micromamba",
    r"rustup|corepack|nix\S*|asdf|pyenv|nvm|(?:cargo|go|gem|pipx|uv\s+tool)\s+install|yarn\s+global",
    r"(?:npm|pnpm)\s+(?:\S+\s+)*(?:-g|--global)|uv\s+(?:\S+\s+)*--system",
    r"git\s+config\s+(?:\S+\s+)*--(?:global|system)|(?:npm|yarn|pnpm|pip[\d.]*|poetry|bundle|composer)\s+config",
    r"(?:-m\s+)?pip[\d.]*\s+(?:\S+\s+)*--(?:user|break-system-packages)|python\d\.\d+\s+-m\s+pip",
    r"(?:\S+\s+)?playwright\s+(?:\S+\s+)*--with-deps",
)
_FETCHES = re.compile(r"\b(?:curl|wget)\b")
_RUNS_WHAT_COMES = re.compile(r"\|[ \t]{0,8}[\w./-]{0,40}?\b(?:ba|z|da)?sh\b|\b(?:ba|z|da)?sh[ \t]{1,8}<\(")
_SENDS = re.compile(
    r"[ \t](?:(?:-X[ \t]{0,8}|--request[ =])(?:POST|PUT|DELETE|PATCH)\b"
    r"|(?:-[dFT]|--data\S{0,20}|--form|--upload-file)[ \t=])"
)
_DELETES = re.compile(r"(?P<shown>\brm[ \t]+(?:-\S+[ \t]+){1,8}['\"]?(?:/|~|\$HOME|\$\{HOME\}))")
_CONTAINERS = _command(r"(?:docker|podman)(?:-compose)?\s+(?:\S+\s+)*(?:up|run|start)")
_NEEDS_REMOTE = _command(
    r"git\s+(?:-\S+\s+(?:\S+\s+)?){0,3}(?:fetch|pull|remote|checkout|switch|commit|merge|rebase|submodule)"
)


def refuse_workflow(workflow: Workflow) -> str | None:
    """Why no job of this workflow is imported."""
    judging = [name for name, filters in triggers(workflow).items() if _judges_changes(name, filters)]
    if not judging:
        names = ", ".join("push of tags" if name == "push" else name for name in triggers(workflow)) or "nothing"
        return f"it does not run for pushed commits or pull requests (on: {names})"
    stem = workflow.file.rpartition("/")[2].rpartition(".")[0]
    name = f"{workflow.name} {stem}".lower()
    if says_publish(name) and not _JUDGING_WORD.search(name):
        return "its name says that it publishes or deploys, and a check never does"
    return None


def refuse_job(job: Job) -> str | None:
    """Why no step of this job is imported."""
    keys = job.keys
    if "uses" in keys:
        return f"it calls the reusable workflow {text_of(keys['uses'])}"
    if says_publish(job.name) or says_publish(job.id) or "environment" in keys:
        return "it publishes or deploys, and a check never does"
    if condition := refuse_condition(keys.get("if") and text_of(keys["if"])):
        return condition
    if "services" in keys:
        return f"it needs services ({', '.join(section(keys['services'], lenient=True)) or 'given by an expression'})"
    if "container" in keys:
        return "it runs in a container"
    if not is_false(keys.get("continue-on-error")):
        return "its failure does not fail the CI either (continue-on-error)"
    runners = job.runners()
    if not any("ubuntu" in label.lower() or "linux" in label.lower() for label in runners):
        return f"it runs on {', '.join(runners) or 'nothing'}, not on Linux"
    for step in job.steps:
        inputs = section(step.keys.get("with"), lenient=True)
        if step.text("uses").startswith("actions/checkout@") and text_of(inputs.get("path")) not in ("", "."):
            return f"it checks the repository out into {text_of(inputs['path'])}"
    return None


def refuse_step(step: Step, script: str) -> str | None:
    """Why a step with a command is not imported, by what the step says; its expressions are judged elsewhere."""
    if condition := refuse_condition(step.text("if")):
        return condition
    if says_publish(step.text("name")):
        return "its name says that it publishes or deploys, and a check never does"
    if refused := refuse_script(script):
        return refused
    if not is_false(step.keys.get("continue-on-error")):
        return "its failure does not fail the CI either (continue-on-error)"
    return None


def refuse_script(script: str) -> str | None:
    """Why a script is not run as a check: it may publish, change this machine, or ask for what a check has not."""
    if len(script) > MAX_SCRIPT:
        return f"its script has more than {MAX_SCRIPT} characters"
    joined = re.sub(r"\\\n[ \t]*", " ", script)
    fetching = [line for line in joined.split("\n") if _FETCHES.search(line)]
    sending = next((line for line in fetching if _SENDS.search(line)), None)
    installing = next((line for line in fetching if _RUNS_WHAT_COMES.search(line)), None)
    if found := sending or _first(joined, _PUBLISHING_COMMANDS):
        return f"it may publish, deploy or send something ({_shown(found)}), and a check never does"
    if found := installing or _first(joined, _MACHINE_COMMANDS, _DELETES):
        return f"it would change this machine ({_shown(found)}); if checks need that, see to it by hand"
    if found := _first(joined, _NEEDS_REMOTE):
        return f"it works on the git history ({_shown(found)}), and a check's copy has neither a remote nor branches"
    return None


def _first(script: str, *patterns: re.Pattern[str]) -> str | None:
    return next((found["shown"] for pattern in patterns if (found := pattern.search(script))), None)


def starts_containers(script: str) -> bool:
    """Whether a script brings up what later steps talk to."""
    return _CONTAINERS.search(script) is not None


def refuse_condition(condition: str | None) -> str | None:
    """Why an `if` keeps a job or step out; None when it always holds."""
    if not condition or _HARMLESS_CONDITION.match(condition.strip()):
        return None
    return f"it runs only if {_shown(condition)}"


def says_publish(name: str) -> bool:
    """Whether a name speaks of bringing something to others. `release` does, unless it is built or tested."""
    plain = re.sub(r"[^a-z0-9]+", " ", name.lower().replace("gh-pages", "deploy"))
    return bool(_PUBLISHING.search(plain) or (_RELEASING.search(plain) and not _JUDGING_WORD.search(plain)))


def _judges_changes(event: str, filters: dict[str, YamlValue]) -> bool:
    if event not in _JUDGING:
        return False
    if event == "push" and {"tags", "tags-ignore"} & filters.keys():
        return bool({"branches", "branches-ignore"} & filters.keys())
    types = texts_of(filters.get("types"))
    return event != "pull_request" or not types or any(each in _CHANGE_TYPES for each in types)


def _shown(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 80 else line[:77] + "..."
