"""The built-in strategies by their numbers: fixed, hybrid, ralph."""

from __future__ import annotations

import pytest

from agentgate_engine.models.strategy import Decision, StrategyConfig
from agentgate_engine.strategies.ralph import completion_word, similarity
from agentgate_engine.strategies.registry import iteration_bound, strategy_for
from agentgate_engine.strategies.strategy import decide

from .support import PASS, It, event


async def course(config: StrategyConfig, iterations: list[It], *, bound: int | None = None) -> list[Decision]:
    """The decisions after each iteration, as a run would ask for them, up to the first stop."""
    limit = iteration_bound(config, bound)
    strategy = strategy_for(config, limit)
    decisions: list[Decision] = []
    for last in range(1, len(iterations) + 1):
        decisions.append(await decide(strategy, event(*iterations[:last], bound=limit)))
        if not decisions[-1].go_on:
            break
    return decisions


def fails(count: int) -> list[It]:
    """Failures that are all different, without progress."""
    return [It(tree=f"t{n}", signature=f"s{n}", text=f"word{n} other{n}") for n in range(count)]


RISING = [It("+" * n + "x" * (9 - n), tree=f"t{n}", signature=f"s{n}") for n in range(9)]
"""One check more passes each time."""


def test_the_settings_have_the_numbers_of_the_specification() -> None:
    """upstream.md 9.4, 2.3: fixed 3; hybrid 3 + 2 and 0.1; ralph 2 to 10, 0.95, window 3."""
    config = StrategyConfig()
    assert (config.mode, iteration_bound(config, None)) == ("fixed", 3)
    assert (config.base_iterations, config.bonus_iterations, config.progress_threshold) == (3, 2, 0.1)
    assert (config.min_iterations, config.max_iterations) == (2, 10)
    assert (config.similarity_threshold, config.window) == (0.95, 3)


async def test_fixed_goes_on_until_its_number_is_used_up() -> None:
    """upstream.md 9.4, 2.3: fixed(3) decides true, true, false."""
    decisions = await course(StrategyConfig(), fails(5))
    assert [each.go_on for each in decisions] == [True, True, False]
    assert decisions[-1].result == "max_iterations"
    assert decisions[0].reason == "iteration 1 of 3 failed"


async def test_fixed_stops_on_a_pass() -> None:
    """upstream.md 2.3."""
    decisions = await course(StrategyConfig(), [It(), PASS, It()])
    assert [(each.go_on, each.result) for each in decisions] == [(True, None), (False, "success")]


async def test_fixed_tells_of_a_circle_and_goes_on() -> None:
    """upstream.md 2.3: loop detection is reported by fixed, and does not stop it."""
    same = [It(tree="t", signature="s")] * 4
    decisions = await course(StrategyConfig(), same, bound=4)
    assert [each.go_on for each in decisions] == [True, True, True, False]
    assert "loop" not in decisions[0].metadata
    assert decisions[2].metadata["loop"] == {
        "kind": "same_tree",
        "confidence": 1.0,
        "detail": "iterations 1, 2 and 3 left the same files",
        "iterations": [1, 2, 3],
    }


HYBRID_2_2 = StrategyConfig(mode="hybrid", base_iterations=2, bonus_iterations=2)


async def test_hybrid_goes_through_its_bonus_when_the_work_comes_forward() -> None:
    """upstream.md 9.4, 2.3: hybrid(2,2) continues at 0, 1, 2 and stops at 3 (counted from 0)."""
    decisions = await course(HYBRID_2_2, RISING)
    assert [each.go_on for each in decisions] == [True, True, True, False]
    assert decisions[-1].result == "max_iterations"
    assert decisions[1].reason == "bonus iteration 1 of 2: 11% of the checks pass, at best 0% before"


async def test_hybrid_stops_at_its_base_without_progress() -> None:
    """upstream.md 2.3."""
    decisions = await course(HYBRID_2_2, fails(5))
    assert [each.go_on for each in decisions] == [True, False]
    assert decisions[-1].result == "strategy_stop"
    assert "without progress" in decisions[-1].reason
    assert decisions[-1].metadata["progress"] is False


async def test_hybrid_stops_in_its_bonus_when_progress_ends() -> None:
    """upstream.md 2.3: each bonus iteration has to be earned."""
    decisions = await course(HYBRID_2_2, [*RISING[:2], *fails(3)])
    assert [each.go_on for each in decisions] == [True, True, False]
    assert "the last bonus iteration brought no progress" in decisions[-1].reason


async def test_the_base_of_hybrid_always_goes_on_until_a_pass() -> None:
    """upstream.md 2.3."""
    config = StrategyConfig(mode="hybrid", base_iterations=4, bonus_iterations=0)
    assert [each.go_on for each in await course(config, fails(9))] == [True, True, True, False]
    passed = await course(config, [It(), PASS])
    assert [(each.go_on, each.result) for each in passed] == [(True, None), (False, "success")]


@pytest.mark.parametrize("mode", ["hybrid", "ralph"])
async def test_hybrid_and_ralph_stop_for_a_circle_they_are_sure_of(mode: str) -> None:
    """upstream.md 2.3: above a confidence of 0.8."""
    config = StrategyConfig.model_validate({"mode": mode, "base_iterations": 9, "window": 9})
    same = [It(tree="t", text=f"word{n}", signature=f"s{n}") for n in range(5)]
    decisions = await course(config, same)
    assert [each.go_on for each in decisions] == [True, True, False]
    assert decisions[-1].result == "strategy_stop"
    assert decisions[-1].reason == "going in circles: iterations 1, 2 and 3 left the same files"
    to_and_fro = [It(tree="ab"[n % 2], signature=f"s{n}", text=f"word{n}") for n in range(6)]
    assert [each.go_on for each in await course(config, to_and_fro)] == [True, True, True, False]


RALPH = StrategyConfig(mode="ralph")


async def test_ralph_stops_at_ten() -> None:
    """upstream.md 9.4: the maximum always wins."""
    decisions = await course(RALPH, fails(20))
    assert [each.go_on for each in decisions] == [True] * 9 + [False]
    assert decisions[-1].result == "max_iterations"


async def test_ralph_looks_again_after_an_early_pass_and_ends_on_a_later_one() -> None:
    """upstream.md 2.3: at least 2 iterations; a pass before that goes on, with words for the agent."""
    decisions = await course(RALPH, [PASS, PASS])
    assert [(each.go_on, each.result) for each in decisions] == [(True, None), (False, "success")]
    assert "once more" in (decisions[0].feedback or "")
    assert "TASK_COMPLETE" in (decisions[0].feedback or "")
    assert decisions[0].reason == "iteration 1 passed; at least 2 are asked for"


async def test_a_pass_at_the_bound_is_a_success_whatever_the_minimum() -> None:
    """upstream.md 9.4: max bound always wins."""
    decisions = await course(RALPH, [PASS], bound=1)
    assert [(each.go_on, each.result) for each in decisions] == [(False, "success")]


async def test_ralph_stops_when_the_agent_itself_says_that_it_is_done() -> None:
    """upstream.md 2.3: a signal in the agent's own text ends it, from the minimum on."""
    said = [It(text="All of it: DONE", tree=f"t{n}", signature=f"s{n}") for n in range(3)]
    decisions = await course(RALPH, said)
    assert [(each.go_on, each.result) for each in decisions] == [(True, None), (False, "strategy_stop")]
    assert decisions[-1].metadata["signal"] == "DONE"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("TASK_COMPLETE", "TASK_COMPLETE"),
        ("I am through. TASK_COMPLETED.", "TASK_COMPLETED"),
        ("**DONE**", "DONE"),
        ("`DONE`!", "DONE"),
        ("it is [COMPLETE] now", "[COMPLETE]"),
        ("[TASK COMPLETE]", "[TASK COMPLETE]"),
        ("[DONE]", "[DONE]"),
        ("Not done yet.\nDONE", "DONE"),
        ("first NOT DONE, then DONE", "DONE"),
        (None, None),
        ("", None),
        ("done", None),
        ("Well done, I would say", None),
        ("ABANDONED", None),
        ("DONE_WITH_ERRORS", None),
        ("TASK_COMPLETENESS", None),
        ("MY_TASK_COMPLETE", None),
        ("see notes/DONE.md", None),
        ("DONE.md is written", None),
        ("a NON-DONE state", None),
        ("this is NOT DONE", None),
        ("it isn't `DONE`", None),
        ("not yet TASK_COMPLETE", None),
        ("COMPLETE", None),
    ],
)
def test_a_signal_is_a_token_of_its_own(text: str | None, expected: str | None) -> None:
    """upstream.md 2.3: TASK_COMPLETE(D), DONE, [COMPLETE], [TASK COMPLETE], [DONE] as a whole token."""
    assert completion_word(text) == expected


async def test_ralph_stops_on_three_similar_outputs() -> None:
    """upstream.md 2.3: 3 outputs whose words are the same by 0.95."""
    words = " ".join(f"w{n}" for n in range(40))
    alike = [
        It(tree=f"t{n}", signature=f"s{n}", cases=n + 1, text=text)
        for n, text in enumerate([words, f"{words} more", words, words])
    ]
    decisions = await course(RALPH, alike)
    assert [each.go_on for each in decisions] == [True, True, False]
    assert decisions[-1].reason == "the agent said the same in the last 3 iterations"
    different = [
        It(tree=f"t{n}", signature=f"s{n}", text=f"{words} {'x' * n} {'y' * n} {'z' * n}") for n in range(1, 4)
    ]
    assert [each.go_on for each in await course(RALPH, different)] == [True, True, True]


async def test_ralph_stops_on_three_equal_outcomes() -> None:
    """upstream.md 2.3: converged when the last 3 outcomes are equal."""
    alike = [It("+x", tree=f"t{n}", cases=4, text=f"word{n}") for n in range(4)]
    decisions = await course(RALPH, alike)
    assert [each.go_on for each in decisions] == [True, True, False]
    assert decisions[-1].reason == "the last 3 iterations had the same outcome"
    moving = [It("+x", tree=f"t{n}", cases=9 - n, text=f"word{n}") for n in range(4)]
    assert [each.go_on for each in await course(RALPH, moving)] == [True] * 4


async def test_ralph_never_stops_before_its_minimum_but_for_the_bound() -> None:
    """upstream.md 2.3."""
    config = StrategyConfig(mode="ralph", min_iterations=5)
    same = [It(tree="t", signature="s", text="DONE")] * 6
    assert [each.go_on for each in await course(config, same)] == [True] * 4 + [False]
    assert [each.go_on for each in await course(config, same, bound=3)] == [True, True, False]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("a b c", "c b a", 1.0),
        ("A, b! c", "a b c", 1.0),
        ("a b", "a c", 1 / 3),
        ("a", "b", 0.0),
        ("", "", 0.0),
        ("...", "...", 0.0),
    ],
)
def test_similarity_is_the_jaccard_index_of_words(one: str, other: str, expected: float) -> None:
    """upstream.md 2.3: Jaccard of word sets; silence is like nothing."""
    assert similarity(one, other) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("config", "asked", "expected"),
    [
        ({"mode": "fixed"}, None, 3),
        ({"mode": "fixed"}, 7, 7),
        ({"mode": "custom", "name": "x"}, None, 3),
        ({"mode": "custom", "name": "x"}, 8, 8),
        ({"mode": "hybrid"}, None, 5),
        ({"mode": "hybrid", "base_iterations": 6, "bonus_iterations": 4}, None, 10),
        ({"mode": "hybrid"}, 4, 4),
        ({"mode": "hybrid"}, 40, 5),
        ({"mode": "ralph"}, None, 10),
        ({"mode": "ralph"}, 6, 6),
        ({"mode": "ralph", "max_iterations": 4}, 6, 4),
    ],
)
def test_how_many_iterations_a_run_can_have(config: dict[str, object], asked: int | None, expected: int) -> None:
    """upstream.md 2.3: hybrid's cap is base + bonus, ralph's its maximum; the order's own number only lowers them."""
    assert iteration_bound(StrategyConfig.model_validate(config), asked) == expected
