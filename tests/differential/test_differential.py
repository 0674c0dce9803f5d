"""The same client program on Fermata and on the real server: all that can be seen of it must be the same.

The scenarios are in scenarios/, what the real server did in tests/oracle/. See world.py for how to write one, and
conftest.py for how to refresh what is expected; the difference is reviewed as any other.
"""

import difflib
import importlib
import os
import pathlib
import pkgutil

import pytest
import scenarios
from normal_form import unfilled
from world import SCENARIOS, World

ORACLE = pathlib.Path(__file__).parent.parent / "oracle"

for module in pkgutil.iter_modules(scenarios.__path__):
    importlib.import_module(f"scenarios.{module.name}")


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_it_is_as_on_the_real_server(request, launched, rewrite, name):
    file, play = ORACLE / f"{name}.txt", SCENARIOS[name]
    if play.missing and not rewrite and not os.environ.get("ORACLE"):
        request.applymarker(pytest.mark.xfail(strict=True, reason=f"not built yet: {play.missing}"))
    with World(launched.address) as world:
        try:
            play(world)
            text = world.text()
        finally:
            world.close_all()
    if rewrite:
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        return
    expected = file.read_text() if file.exists() else ""
    if text != expected:
        texts = unfilled(expected), unfilled(text)
        lines = difflib.unified_diff(*texts, "the real server", "this one", lineterm="", n=4)
        pytest.fail("\n".join(lines), pytrace=False)


def test_every_expectation_has_a_scenario():
    files = {str(file.relative_to(ORACLE).with_suffix("")) for file in ORACLE.glob("*/*.txt")}
    assert files - set(SCENARIOS) == set()
