"""Strategies of other packages: a real distribution on the path, with entry points."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from agentgate_engine.errors import UsageError
from agentgate_engine.models.strategy import StrategyConfig
from agentgate_engine.strategies.custom import installed
from agentgate_engine.strategies.registry import strategy_for
from agentgate_engine.strategies.strategy import StrategyError, decide, end_loop

from .support import It, event

MODULE = """
from agentgate_engine.models.strategy import Decision

heard = []

def patient(event, *, patience=2):
    return Decision(go_on=event.iteration < patience, reason=f"patience {patience}")

async def later(event):
    return Decision(go_on=False, reason="later")

class Stubborn:
    def __init__(self, most=1):
        self.most = most

    def on_iteration_complete(self, event):
        return Decision(go_on=event.iteration < self.most, reason=f"at most {self.most}")

    def on_loop_end(self, result):
        heard.append(result)

def make(most):
    return Stubborn(most)

def make_function(word):
    return lambda event: Decision(go_on=False, reason=word)

ready = Stubborn(2)

def broken(event):
    raise ZeroDivisionError("by design")

def unmakable(most):
    raise RuntimeError("not today")

number = 7
"""
NAMES = ("patient", "later", "Stubborn", "make", "make_function", "ready", "broken", "unmakable", "number", "absent")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An installed distribution that brings strategies along."""
    (tmp_path / "agentgate_test_strategies.py").write_text(MODULE)
    info = tmp_path / "agentgate_test_strategies-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: agentgate-test-strategies\nVersion: 1.0\n")
    lines = [f"{name.lower().replace('_', '-')} = agentgate_test_strategies:{name}" for name in NAMES]
    lines.append("lost = agentgate_no_such_module:x")
    (info / "entry_points.txt").write_text("[agentgate.strategies]\n" + "\n".join(lines) + "\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "agentgate_test_strategies", raising=False)
    return "agentgate_test_strategies"


def custom(name: str | None, **params: object) -> StrategyConfig:
    return StrategyConfig.model_validate({"mode": "custom", "name": name, "params": params})


@pytest.mark.parametrize(
    ("name", "params", "reason", "goes_on"),
    [
        ("patient", {}, "patience 2", True),
        ("patient", {"patience": 1}, "patience 1", False),
        ("later", {}, "later", False),
        ("stubborn", {}, "at most 1", False),
        ("stubborn", {"most": 3}, "at most 3", True),
        ("make", {"most": 5}, "at most 5", True),
        ("make-function", {"word": "enough"}, "enough", False),
        ("ready", {}, "at most 2", True),
    ],
)
async def test_every_kind_of_entry_point_makes_a_strategy(
    package: str, name: str, params: dict[str, object], reason: str, goes_on: bool
) -> None:
    """upstream.md 9.1: a custom strategy by name and params; a plain function of an event is one."""
    strategy = strategy_for(custom(name, **params), 9)
    assert strategy.name == name
    decision = await decide(strategy, event(It()))
    assert (decision.reason, decision.go_on) == (reason, goes_on)


async def test_a_custom_strategy_hears_the_end_of_the_loop(package: str) -> None:
    """upstream.md 9.3."""
    await end_loop(strategy_for(custom("stubborn"), 9), "strategy_stop")
    assert sys.modules[package].heard == ["strategy_stop"]
    await end_loop(strategy_for(custom("patient"), 9), "success")


async def test_a_custom_strategy_that_raises_is_named_as_it_was_chosen(package: str) -> None:
    """upstream.md 9.5."""
    with pytest.raises(StrategyError, match="strategy broken raised ZeroDivisionError on iteration 1: by design"):
        await decide(strategy_for(custom("broken"), 9), event(It()))


async def test_the_bound_stands_over_a_custom_strategy(package: str) -> None:
    """upstream.md 9.4: max bound always wins."""
    strategy = strategy_for(custom("patient", patience=99), 2)
    assert (await decide(strategy, event(It(), It(), bound=2))).result == "max_iterations"


@pytest.mark.parametrize(
    ("name", "params", "words"),
    [
        ("nobody", {}, "no strategy named 'nobody' is installed; installed are: absent, broken, later, lost, make, "),
        (None, {}, "the strategy `custom` needs the name of an installed one; installed are: absent, broken"),
        ("lost", {}, "strategy 'lost' (agentgate_no_such_module:x) cannot be loaded: ModuleNotFoundError"),
        ("absent", {}, "strategy 'absent' (agentgate_test_strategies:absent) cannot be loaded: AttributeError"),
        ("patient", {"hurry": 1}, "strategy 'patient' (agentgate_test_strategies:patient) does not take these params"),
        ("make", {}, "strategy 'make' (agentgate_test_strategies:make) does not take these params: missing"),
        ("ready", {"most": 1}, "strategy 'ready' (agentgate_test_strategies:ready) is a ready object and takes no"),
        ("unmakable", {"most": 1}, "strategy 'unmakable' (agentgate_test_strategies:unmakable) cannot be made: Runt"),
        ("number", {}, "strategy 'number' (agentgate_test_strategies:number) gives int, which has no on_iteration"),
    ],
)
def test_what_is_no_strategy_is_refused(package: str, name: str | None, params: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError) as refused:
        strategy_for(custom(name, **params), 9)
    assert str(refused.value).startswith(words)


def test_without_any_package_the_message_says_what_is_looked_for() -> None:
    assert not set(installed()) & {name.lower() for name in NAMES}
    with pytest.raises(UsageError, match=r"no strategy named 'x' is installed"):
        strategy_for(custom("x"), 3)
