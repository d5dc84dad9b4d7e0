"""A repository of about 20 files with one failing test, and an agent that needs to be told which."""

from __future__ import annotations

from pathlib import Path

_NAMES = ("prices", "stock", "orders", "baskets", "people", "letters")

VERIFY = """\
version: "1"
name: shop
contracts:
  required_files: [README.md]
tests:
  - name: unit
    command: python -m pytest -q -p no:cacheprovider
    timeout: 60
"""

_MODULE = '''\
"""{name} of the shop."""


def twice(number):
    return number + number


def total(numbers):
    return sum(numbers)
'''

_TEST = """\
from shop.{name} import total, twice


def test_twice():
    assert twice(4) == 8, "mend shop/{name}.py: twice"


def test_total():
    assert total([1, 2, 3]) == 6, "mend shop/{name}.py: total"
"""


def shop_files() -> dict[str, str]:
    """`stock` is broken, and nothing but the tests' output says that it is this one."""
    files = {"README.md": "# Shop\n", "verify.yaml": VERIFY, ".gitignore": "*.pyc\n", "docs/notes.md": "notes\n"}
    files |= {"shop/__init__.py": "", "pyproject.toml": '[project]\nname = "shop"\nversion = "1"\n', "setup.cfg": ""}
    for name in _NAMES:
        files[f"shop/{name}.py"] = _MODULE.format(name=name)
        files[f"tests/test_{name}.py"] = _TEST.format(name=name)
    files["shop/stock.py"] = files["shop/stock.py"].replace("return sum(numbers)", "return sum(numbers) + 1")
    return files


_AGENT = r"""
import os, pathlib, re, sys

prompt = sys.stdin.read()
assert "mend the shop" in prompt
told = os.environ.get("AGENTGATE_FEEDBACK_FILE")
if told is None:
    print("I see nothing wrong, and write a note")
    pathlib.Path("docs/notes.md").write_text("all is well\n")
else:
    feedback = pathlib.Path(told).read_text()
    assert feedback in prompt, "stdin holds the feedback too"
    name = re.search(r"mend (shop/\w+\.py)", feedback)[1]
    print("I was told to mend", name)
    file = pathlib.Path(name)
    file.write_text(file.read_text().replace("return sum(numbers) + 1", "return sum(numbers)"))
"""

VANDAL = """
git config user.name Mallory; git config --local core.hooksPath /tmp/nowhere; git config --unset core.bare
mkdir -p .git/hooks; for hook in pre-commit post-commit post-checkout reference-transaction pre-push; do
  printf '#!/bin/sh\\ntouch %s/vandal-hook-ran\\nexit 1\\n' "$HOME" > .git/hooks/$hook; chmod +x .git/hooks/$hook
done
echo more >> README.md; git stash; git stash drop; echo junk > junk.txt; git stash -u; git stash pop
git tag -f v1; git tag vandal; git branch vandal; git branch -D main; git branch -D side
git commit -qam 'by the vandal' --no-verify; git reset --hard HEAD~1; git checkout -q -b elsewhere
git remote add mine /nowhere; git push -f origin HEAD:main; git push --all; git push --tags --force
git push origin --delete main; git gc -q --prune=now; git reflog expire --expire=now --all; rm -f junk.txt
"""
"""What an agent might do to the repository that it is in. Whether any of it succeeds does not matter."""


def write_agent(directory: Path, *, vandal: bool = False) -> str:
    """The agent as a program outside of the repository; its command line."""
    program = directory / "agent.py"
    program.write_text(_AGENT)
    if not vandal:
        return f"python {program}"
    script = directory / "vandal.sh"
    script.write_text(VANDAL)
    return f"sh {script} >/dev/null 2>&1; python {program}"
