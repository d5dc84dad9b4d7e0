"""The files of a fresh project, by template and path. `{{name}}`, `{{package}}` and `{{dashed}}` are filled in.

Every template passes its own `verify.yaml` as it is made, with nothing installed but the language itself (TypeScript on
a Node.js that cannot run it yet installs the compiler).
"""

from __future__ import annotations

_MINIMAL = {
    "README.md": """\
# {{name}}

Checks stand in `verify.yaml`: list under `tests` the commands that must pass.
""",
    ".gitignore": """\
*.log
*.tmp
.env
.env.*
""",
    "verify.yaml": """\
version: "1"
name: {{dashed}}
contracts:
  required_files:
    - README.md
tests:
  - name: readme
    command: test -s README.md
""",
}

_PYTHON = {
    "README.md": """\
# {{name}}

    python3 -m unittest discover -s tests

runs the tests; `pytest` does as well.
""",
    ".gitignore": """\
__pycache__/
*.pyc
*.egg-info/
.venv/
.pytest_cache/
build/
dist/
.env
.env.*
""",
    "verify.yaml": """\
version: "1"
name: {{dashed}}
contracts:
  required_files:
    - pyproject.toml
    - "{{package}}/__init__.py"
tests:
  - name: compile
    command: python3 -m compileall -q {{package}} tests
  - name: unittest
    command: python3 -m unittest discover -s tests
""",
    "pyproject.toml": """\
[build-system]
requires = ["setuptools>=68"]
build-backend = "setuptools.build_meta"

[project]
name = "{{dashed}}"
version = "0.1.0"
requires-python = ">=3.9"

[tool.setuptools]
packages = ["{{package}}"]

[tool.pytest.ini_options]
testpaths = ["tests"]
pythonpath = ["."]
""",
    "{{package}}/__init__.py": '''\
"""{{name}}."""


def greeting(name: str) -> str:
    """What to say to somebody."""
    return f"Hello, {name}!"
''',
    "{{package}}/__main__.py": """\
import sys

from {{package}} import greeting

print(greeting(sys.argv[1] if len(sys.argv) > 1 else "world"))
""",
    "tests/test_greeting.py": """\
import unittest

from {{package}} import greeting


class GreetingTest(unittest.TestCase):
    def test_it_names_who_is_greeted(self) -> None:
        self.assertEqual(greeting("world"), "Hello, world!")


if __name__ == "__main__":
    unittest.main()
""",
}

_TYPESCRIPT = {
    "README.md": """\
# {{name}}

    npm test

runs the tests with Node's own runner. Node.js 22.18 or newer needs nothing installed for that; an older one compiles
first, after `npm install`. `npm run typecheck` checks the types, after `npm install`.
""",
    ".gitignore": """\
node_modules/
build/
*.log
.env
.env.*
""",
    "verify.yaml": """\
version: "1"
name: {{dashed}}
environment:
  setup:
    - node run-tests.mjs --needs-nothing || npm install --no-audit --no-fund
contracts:
  required_files:
    - package.json
    - tsconfig.json
tests:
  - name: test
    command: npm test --silent
""",
    "package.json": """\
{
  "name": "{{dashed}}",
  "version": "0.1.0",
  "private": true,
  "type": "module",
  "scripts": {
    "test": "node run-tests.mjs",
    "typecheck": "tsc --noEmit"
  },
  "devDependencies": {
    "@types/node": "^20.0.0",
    "typescript": "^5.8.0"
  }
}
""",
    "tsconfig.json": """\
{
  "compilerOptions": {
    "target": "es2022",
    "module": "nodenext",
    "moduleResolution": "nodenext",
    "types": ["node"],
    "strict": true,
    "erasableSyntaxOnly": true,
    "allowImportingTsExtensions": true,
    "rewriteRelativeImportExtensions": true,
    "rootDir": ".",
    "outDir": "build"
  },
  "include": ["src", "test"]
}
""",
    "run-tests.mjs": """\
// Runs the tests in test/ with Node's own runner: as they are where Node runs TypeScript, else compiled into build/.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";

const runsTypeScript = Boolean(process.features.typescript);
if (process.argv.includes("--needs-nothing")) process.exit(runsTypeScript ? 0 : 1);

function run(command, args) {
  const { status } = spawnSync(command, args, { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

let folder = "test";
if (!runsTypeScript) {
  const compiler = "node_modules/typescript/bin/tsc";
  if (!existsSync(compiler)) {
    console.error(`Node.js ${process.version} does not run TypeScript: run npm install once, or use 22.18 or newer`);
    process.exit(1);
  }
  run(process.execPath, [compiler]);
  folder = "build/test";
}
const tests = readdirSync(folder).filter((name) => /\\.test\\.[jt]s$/.test(name));
run(process.execPath, ["--test", ...tests.map((name) => `${folder}/${name}`)]);
""",
    "src/greeting.ts": """\
/** What to say to somebody. */
export function greeting(name: string): string {
  return `Hello, ${name}!`;
}
""",
    "test/greeting.test.ts": """\
import assert from "node:assert/strict";
import { test } from "node:test";

import { greeting } from "../src/greeting.ts";

test("it names who is greeted", () => {
  assert.equal(greeting("world"), "Hello, world!");
});
""",
}

TEMPLATE_FILES: dict[str, dict[str, str]] = {"minimal": _MINIMAL, "python": _PYTHON, "typescript": _TYPESCRIPT}
