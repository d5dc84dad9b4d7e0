"""`agentgate plan`: what would judge a submit from here, written down on request, and what judged a run."""

from __future__ import annotations

import pytest

from .site import Site

CI = """\
on: [push, pull_request]
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - name: Every part
        run: |
          for part in one two; do
            test -f \\
              "$part"
          done
      - run: sudo make install
"""


@pytest.fixture
def ci(site: Site) -> Site:
    site.make_repository({"one": "1", "two": "2", ".github/workflows/ci.yml": CI})
    return site


def test_the_plan_of_a_repository_is_shown_with_where_each_value_comes_from(ci: Site) -> None:
    """upstream.md 2.2: the resolved plan is shown with each value's origin."""
    done = ci.agentgate("plan")
    assert done.code == 0, done.err
    assert "from CI workflows (.github/workflows/ci.yml)" in done.out
    assert "  Every part  [.github/workflows/ci.yml:8]\n      bash -e -c 'for part in one two; do\n" in done.out
    assert "timeout 5m00s  [default]" in done.out
    assert 'the step "sudo make install" is left out: it would change this machine (sudo)' in done.out
    document = ci.agentgate("plan", "--json").document
    assert document["plan"]["source"] == "ci-workflow"
    assert document["hash"] in done.out
    assert not ci.home.exists(), "looking needs no store"


def test_a_written_plan_has_the_same_hash_and_is_never_overwritten(ci: Site) -> None:
    before = ci.agentgate("plan", "--write", "--json").document
    written = (ci.repository / "verify.yaml").read_text()
    ci.commit({}, "pin the plan")
    after = ci.agentgate("plan", "--json").document
    assert (after["plan"]["source"], after["hash"]) == ("verify.yaml", before["hash"])
    for options in ((), ("--gate-plan", "ci-workflow")):
        refused = ci.agentgate("plan", "--write", *options)
        assert (refused.code, refused.out) == (2, "")
        assert "verify.yaml already" in refused.err
    assert (ci.repository / "verify.yaml").read_text() == written


def test_a_verify_yaml_that_is_not_committed_is_told(ci: Site) -> None:
    (ci.repository / "verify.yaml").write_text("tests: [{name: a, command: b}]\n")
    done = ci.agentgate("plan")
    assert "from CI workflows" in done.out
    assert "verify.yaml has changes that are not committed: a submit starts from HEAD" in done.err
    assert ci.agentgate("plan", "--write").code == 2


def test_a_source_that_is_not_there_is_refused(ci: Site) -> None:
    """upstream.md 2.2: asked for by name and missing is an error, never the default plan."""
    for source, why in (("verify-profile", "there is no verify.yaml"), ("language", "no project file")):
        done = ci.agentgate("plan", "--gate-plan", source)
        assert (done.code, done.out) == (2, "")
        assert why in done.err
    assert ci.agentgate("plan", "--gate-plan", "default", "--json").document["plan"]["source"] == "default"


def test_the_plan_of_a_run_is_the_one_that_was_saved_with_it(small: Site) -> None:
    """upstream.md 2.2: the resolved plan is saved per run; the original wrote nothing."""
    run = small.submit("touch done")
    saved = small.agentgate("plan", run, "--json").document
    small.commit({"verify.yaml": "tests: [{name: other, command: 'true'}]\n"}, "another plan")
    assert small.agentgate("plan", run[:4], "--json").document == saved
    assert [each["name"] for each in saved["plan"]["tests"]] == ["done"]
    assert "done" in small.agentgate("plan", run).out
    refused = small.agentgate("plan", run, "--write")
    assert (refused.code, refused.out) == (2, "")
    (small.layout(run).gate_plan).unlink()
    assert small.agentgate("plan", run).code == 3


def test_a_hostile_workflow_cannot_reach_the_terminal(site: Site) -> None:
    hostile = CI.replace("Every part", '"Every \\e]0;x\\a\\u202e part"')
    site.make_repository({"one": "1", ".github/workflows/ci.yml": hostile})
    done = site.agentgate("plan")
    assert done.code == 0, done.err
    assert all(char.isprintable() or char == "\n" for char in done.out)
