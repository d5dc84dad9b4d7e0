"""The tree in which the samples were recorded: a small shop in five languages, with a fault in each of its corners."""

from __future__ import annotations

from pathlib import Path

from agentgate_engine.models.verification import Level
from agentgate_engine.verify.diagnostics import OutputFindings, read_findings
from agentgate_engine.verify.output_window import read_window
from agentgate_engine.verify.tree_paths import TreePaths

SAMPLES = Path(__file__).parent / "samples"
_FILES = """
shop/__init__.py shop/price.py shop/cart.py shop/typed.py tests/test_cart.py tests/test_odd.py
tests/prüfung/test_größe.py tests/test_broken.py tests/test_syntax.py unit/__init__.py unit/test_unit.py
unit/test_import.py crash/conftest.py crash/test_x.py crashout.py run.py bad.toml
c/main.c c/list.h c/node.h c/link.c c/inc.c c/größe.c c/t.cpp c/warn.c c/asan.c c/Makefile c/bad.mk c/sub/Makefile
web/package.json web/tsconfig.json web/bad.json web/src/cart.ts web/src/price.ts web/src/syntax.ts web/one/größe.ts
web/eslint.config.js web/bad.config.js web/missing.config.js web/lint/cart.js web/lint/syntax.js web/lint/größe.js
web/js-src/price.js web/js-src/cart.js web/tests/cart.test.js web/tests/broken.test.js web/tests/syntax.test.js
web/tests/hooks.test.js web/tests/one.test.js web/jest.config.json web/jest.bad.json web/vitest.config.js
web/vitest.bad.js web/mocha/cart.spec.js web/mocha/cart-node.test.js
go/go.mod go/calc/calc.go go/calc/calc_test.go go/panics/panics_test.go go/broken/broken.go go/broken/broken_test.go
go/vetted/v.go go/vetted/v_test.go go/hang/h_test.go go/syn/s.go go/imp/i.go
rs/Cargo.toml rs/src/lib.rs rs/src/price.rs rs/tests/whole.rs rs/examples/e.rs
"""
TREE = TreePaths.of({"/room"}, _FILES.split())


def recorded(name: str) -> OutputFindings:
    """What is read from the sample `tool/variation`, both streams."""
    out, err = (read_window(SAMPLES / f"{name}.{stream}") for stream in ("out", "err"))
    return read_findings(Level.L1, "L1/x", out.lines, err.lines, TREE, str, whole=(out.whole, err.whole))
