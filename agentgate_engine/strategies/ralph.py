"""`ralph`: again and again until the agent itself says that it is done, or says and does the same over and over."""

from __future__ import annotations

import re
from dataclasses import dataclass

from agentgate_engine.models.strategy import Decision, IterationEvent, PreviousIteration, StrategyConfig
from agentgate_engine.strategies.loop_detection import find_loop
from agentgate_engine.strategies.strategy import limit_reached

LOOK_AGAIN = (
    "All checks pass. Look at the task and at your change once more: is anything missing, untested or careless?"
    " Improve it if so. When nothing is left to do, end your last message with TASK_COMPLETE."
)
_TOKEN = re.compile(
    r"(?<![\w/.\-])(?:TASK_COMPLETED?|DONE)(?![\w/\-]|\.\w)|\[(?:TASK )?COMPLETE\]|\[DONE\]",
)
_DENIED = re.compile(r"(?:\bnot|\bnever|n't|\bNOT|\bNEVER)(?: yet)?[\s`*\"']+\Z")
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class RalphStrategy:
    """Goes on until a pass, a word of completion, or a standstill, but never before its minimum of iterations."""

    config: StrategyConfig
    name: str = "ralph"

    def on_iteration_complete(self, event: IterationEvent) -> Decision:
        loop = find_loop(event)
        metadata = loop.metadata() if loop is not None else {}
        limit, least = min(self.config.max_iterations, event.max_iterations), self.config.min_iterations
        passed = event.verification_passed
        if event.iteration >= limit:
            reason = "every check passed" if passed else limit_reached(limit)
            return Decision(go_on=False, reason=reason, result=None if passed else "max_iterations", metadata=metadata)
        if event.iteration < least:
            what = "passed" if passed else "failed"
            reason = f"iteration {event.iteration} {what}; at least {least} are asked for"
            return Decision(go_on=True, reason=reason, feedback=LOOK_AGAIN if passed else None, metadata=metadata)
        if passed:
            return Decision(go_on=False, reason="every check passed", metadata=metadata)
        if (word := completion_word(event.current.agent_text)) is not None:
            reason = f"the agent says that it is finished ({word}), but checks fail"
            return Decision(go_on=False, reason=reason, metadata={**metadata, "signal": word})
        if loop is not None and loop.sure:
            return Decision(go_on=False, reason=f"going in circles: {loop.detail}", metadata=metadata)
        if (still := self._standstill(event)) is not None:
            return Decision(go_on=False, reason=still, metadata={**metadata, "converged": True})
        reason = f"iteration {event.iteration} of at most {limit} failed"
        return Decision(go_on=True, reason=reason, metadata=metadata)

    def _standstill(self, event: IterationEvent) -> str | None:
        """The newest `window` iterations are alike, in what the agent said or in what came out."""
        window = self.config.window
        newest = [*event.previous_iterations, event.current][-window:]
        if len(newest) < window:
            return None
        texts = [each.agent_text or "" for each in newest]
        if all(similarity(texts[-1], text) >= self.config.similarity_threshold for text in texts[:-1]):
            return f"the agent said the same in the last {window} iterations"
        if all(_outcome(each) == _outcome(newest[-1]) for each in newest[:-1]):
            return f"the last {window} iterations had the same outcome"
        return None


def completion_word(text: str | None) -> str | None:
    """The word by which an agent says that it is finished, as a token of its own and not denied ("not DONE")."""
    for found in _TOKEN.finditer(text or ""):
        if not _DENIED.search(text or "", 0, found.start()):
            return found.group()
    return None


def similarity(one: str, other: str) -> float:
    """The Jaccard index of the words of two texts, 0 to 1. A text without words is like nothing."""
    first, second = _words(one), _words(other)
    return len(first & second) / len(first | second) if first and second else 0.0


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.lower()))


def _outcome(iteration: PreviousIteration) -> tuple[object, ...]:
    """What has to be equal for two iterations to have come to the same."""
    return (
        iteration.agent_success,
        iteration.verification_passed,
        tuple(sorted(iteration.checks.items())),
        iteration.failed_cases,
        iteration.signature,
    )
