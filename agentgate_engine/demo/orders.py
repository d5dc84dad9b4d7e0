"""The demo's orders, each with the play of its agent and the end it meets."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from agentgate_engine.demo.repository import (
    RESERVE_BUG,
    RESERVE_FIX,
    TOTAL_BUG,
    TOTAL_FIX,
    TOTAL_WRONG,
    TOTAL_WRONG_AGAIN,
)

Step = Mapping[str, object]

RUN_TESTS: Step = {"run": f"{shlex.quote(sys.executable)} -m unittest discover -s tests -t . 2>&1 | tail -n 12"}
LOOK: list[Step] = [{"read": "stock.py"}, {"read": "tests/test_stock.py"}]


@dataclass(frozen=True, slots=True)
class DemoOrder:
    """An order and its fate. `cancel` asks for it to be canceled once its agent is at work; `settings` are those of a
    profile, by dotted key."""

    title: str
    fate: str
    iterations: dict[int, list[Step]]
    max_iterations: int = 2
    iteration_seconds: float = 30
    priority: int = 0
    cancel: bool = False
    settings: Mapping[str, int] = field(default_factory=dict[str, int])
    pace: float = 0.3
    expected: str = field(default="passed")


def _edit(old: str, new: str) -> Step:
    return {"edit": {"path": "stock.py", "replace": old, "with": new}}


def _say(text: str) -> Step:
    return {"say": text}


def _usage(tokens_in: int, tokens_out: int, cost: float) -> Step:
    return {"usage": {"input": tokens_in, "output": tokens_out, "cost": cost}}


def demo_orders() -> list[DemoOrder]:
    """Eight orders, in the order they are submitted."""
    done: Step = {"result": {"success": True, "text": "Done: the tests should pass now."}}
    return [
        DemoOrder(
            "stock: refuse overselling, exact totals",
            "passes at once",
            {
                1: [
                    _say("I will look at the module and its tests first."),
                    *LOOK,
                    _say("reserve() never checks, and total() adds strings. Fixing both."),
                    _edit(RESERVE_BUG, RESERVE_FIX),
                    _edit(TOTAL_BUG, TOTAL_FIX),
                    RUN_TESTS,
                    _usage(4200, 610, 0.021),
                    done,
                ]
            },
        ),
        DemoOrder(
            "stock: reserve must not oversell",
            "passes in iteration 2, after feedback",
            {
                1: [
                    _say("reserve() has to refuse."),
                    *LOOK,
                    _edit(RESERVE_BUG, RESERVE_FIX),
                    _say("That was all the task asked for."),
                    _usage(3100, 240, 0.012),
                    done,
                ],
                2: [
                    {"expect_feedback": "test_adds_exact_cents|total"},
                    _say("The feedback names total(): it adds strings. I will use Decimal."),
                    _edit(TOTAL_BUG, TOTAL_FIX),
                    RUN_TESTS,
                    _usage(3900, 330, 0.016),
                    done,
                ],
            },
            max_iterations=3,
        ),
        DemoOrder(
            "stock: round the totals",
            "a check fails to the limit",
            {
                1: [
                    {"think": "Money is floats, surely."},
                    _edit(RESERVE_BUG, RESERVE_FIX),
                    _edit(TOTAL_BUG, TOTAL_WRONG),
                    RUN_TESTS,
                    _say("One test is picky about types; good enough."),
                    _usage(2900, 210, 0.010),
                    done,
                ],
                2: [
                    _say("Then whole units."),
                    _edit(TOTAL_WRONG, TOTAL_WRONG_AGAIN),
                    {"read": "tests/test_stock.py"},
                    _say("The test is wrong, moving on."),
                    _usage(3300, 180, 0.011),
                    done,
                ],
            },
            expected="failed_verification",
        ),
        DemoOrder(
            "stock: keep the settings in a file",
            "breaks a contract: a forbidden file",
            {
                1: [
                    _say("The settings go where settings go."),
                    _edit(RESERVE_BUG, RESERVE_FIX),
                    _edit(TOTAL_BUG, TOTAL_FIX),
                    {"write": {"path": "config/.env", "content": "WAREHOUSE=north\n"}},
                    _usage(1800, 150, 0.007),
                    done,
                ]
            },
            max_iterations=1,
            expected="failed_verification",
        ),
        DemoOrder(
            "stock: import from the old ledger",
            "its agent crashes",
            {
                1: [
                    _say("Reading the ledger."),
                    *LOOK,
                    {"run": "echo 'ledger: 48211 entries'"},
                    {"stderr": "ledger_reader: cannot map 48211 entries"},
                    {"stderr": "Fatal: allocator gave up"},
                    {"crash": "SIGSEGV"},
                ]
            },
            expected="failed_build",
        ),
        DemoOrder(
            "stock: prove that it never oversells",
            "its agent runs into the time limit, twice",
            {
                1: [
                    _say("A proof needs care."),
                    *LOOK,
                    *[
                        step
                        for n in range(1, 60)
                        for step in ({"think": f"Case {n}: still not obvious."}, {"sleep": 0.4})
                    ],
                ]
            },
            iteration_seconds=4,
            settings={"retry.maxAttempts": 1, "retry.initialBackoffMs": 2000},
            expected="failed_timeout",
        ),
        DemoOrder(
            "stock: wait for the warehouse to answer",
            "hangs, and is canceled",
            {
                1: [
                    _say("Asking the warehouse service."),
                    {"run": "echo 'connecting to warehouse:9000 ...'"},
                    {"hang": True},
                ]
            },
            iteration_seconds=120,
            cancel=True,
            expected="canceled",
        ),
        DemoOrder(
            "stock: both fixes, when there is room",
            "waits its turn, then passes",
            {
                1: [
                    _say("My turn at last."),
                    _edit(RESERVE_BUG, RESERVE_FIX),
                    _edit(TOTAL_BUG, TOTAL_FIX),
                    RUN_TESTS,
                    _usage(2600, 300, 0.012),
                    done,
                ]
            },
            priority=-1,
        ),
    ]
