"""The small repository that the demo's agents work on: a module with two bugs, and real tests that fail."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

STOCK = '''"""What is in the warehouse."""

from decimal import Decimal


class Stock:
    def __init__(self, items):
        self.items = dict(items)

    def reserve(self, name, count):
        self.items[name] = self.items[name] - count
        return self.items[name]

    def total(self, prices):
        return sum(prices[name] * count for name, count in self.items.items())
'''

RESERVE_BUG = "        self.items[name] = self.items[name] - count\n"
RESERVE_FIX = (
    "        if count > self.items[name]:\n"
    '            raise ValueError(f"only {self.items[name]} of {name} left")\n' + RESERVE_BUG
)
TOTAL_BUG = "        return sum(prices[name] * count for name, count in self.items.items())\n"
TOTAL_FIX = "        return sum((Decimal(prices[name]) * count for name, count in self.items.items()), Decimal(0))\n"
TOTAL_WRONG = "        return round(sum(float(prices[name]) * count for name, count in self.items.items()), 1)\n"
TOTAL_WRONG_AGAIN = "        return int(sum(float(prices[name]) * count for name, count in self.items.items()))\n"

_TESTS = """import unittest
from decimal import Decimal

from stock import Stock


class ReserveTest(unittest.TestCase):
    def test_takes_what_is_there(self):
        self.assertEqual(Stock({"bolt": 5}).reserve("bolt", 3), 2)

    def test_refuses_more_than_there_is(self):
        with self.assertRaises(ValueError):
            Stock({"bolt": 1}).reserve("bolt", 2)


class TotalTest(unittest.TestCase):
    def test_empty_stock_is_worth_nothing(self):
        self.assertEqual(Stock({}).total({}), 0)

    def test_adds_exact_cents(self):
        self.assertEqual(Stock({"nut": 3}).total({"nut": "0.10"}), Decimal("0.30"))


if __name__ == "__main__":
    unittest.main()
"""

_VERIFY = """version: "1"
name: stock
contracts:
  required_files: [stock.py, tests/test_stock.py]
tests:
  - name: compiles
    command: {python} -m compileall -q stock.py tests
    timeout: 20
  - name: unit
    command: {python} -m unittest discover -s tests -t . -v
    timeout: 20
"""

_README = (
    "# Stock\n\nThe repository of the AgentGate demo. Two of its four tests fail, until an agent mends `stock.py`.\n"
)


def make_repository(path: Path) -> None:
    """Make the repository with one commit. Its checks need nothing but the Python that runs this."""
    files = {
        "stock.py": STOCK,
        "tests/__init__.py": "",
        "tests/test_stock.py": _TESTS,
        "verify.yaml": _VERIFY.format(python=shlex.quote(sys.executable)),
        "README.md": _README,
        ".gitignore": "__pycache__/\n",
    }
    for name, content in files.items():
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    identity = ("-c", "user.name=AgentGate demo", "-c", "user.email=demo@localhost", "-c", "commit.gpgSign=false")
    for command in (("init", "-q", "-b", "main"), ("add", "-A"), ("commit", "-q", "-m", "Stock, with two bugs")):
        subprocess.run(("git", *identity, *command), cwd=path, check=True, stdin=subprocess.DEVNULL)
