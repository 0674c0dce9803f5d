"""The same client program on Fermata and on the real server: all that can be seen of it must be the same.

The scenarios are in scenarios/, what the real server did in tests/oracle/. See world.py for how to write one, and
conftest.py for how to refresh what is expected; the difference is reviewed as any other.
"""

import concurrent.futures
import difflib
import importlib
import os
import pathlib
import pkgutil
import traceback

import pytest
import scenarios
from normal_form import unfilled
from world import SCENARIOS, World

ORACLE = pathlib.Path(__file__).parent.parent / "oracle"
AT_ONCE = 10  # scenarios that only wait: few enough for a sanitizer build to serve in time

for module in pkgutil.iter_modules(scenarios.__path__):
    importlib.import_module(f"scenarios.{module.name}")


def one_by_one():
    return [name for name, play in sorted(SCENARIOS.items()) if play.missing or not play.waits]


def together():
    """Those that wait, in groups; the names make up the test's id, so that -k finds them, too."""
    names = [name for name, play in sorted(SCENARIOS.items()) if play.waits and not play.missing]
    groups = [names[first :: len(names) // AT_ONCE + 1] for first in range(len(names) // AT_ONCE + 1)]
    return [pytest.param(group, id=" ".join(group)) for group in groups]


def recorded(launched, name):
    with World(launched.address, SCENARIOS[name].namespace) as world:
        try:
            SCENARIOS[name](world)
            return world.text()
        finally:
            world.close_all()


def difference(launched, rewrite, name):
    """What is different from the real server; nothing when it is to be written."""
    file = ORACLE / f"{name}.txt"
    text = recorded(launched, name)
    if rewrite:
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        return ""
    expected = file.read_text() if file.exists() else ""
    if text == expected:
        return ""
    texts = unfilled(expected), unfilled(text)
    return "\n".join(difflib.unified_diff(*texts, f"{name} on the real server", "on this one", lineterm="", n=4))


@pytest.mark.parametrize("name", one_by_one())
def test_it_is_as_on_the_real_server(request, launched, rewrite, name):
    missing = SCENARIOS[name].missing
    if missing and not rewrite and not os.environ.get("ORACLE"):
        request.applymarker(pytest.mark.xfail(strict=True, reason=f"not built yet: {missing}"))
    found = difference(launched, rewrite, name)
    if found:
        pytest.fail(found, pytrace=False)


@pytest.mark.parametrize("names", together())
def test_they_are_as_on_the_real_server(launched, rewrite, names):
    def found(name):
        try:
            return difference(launched, rewrite, name)
        except Exception:
            return f"{name}\n{traceback.format_exc()}"

    is_quick = not rewrite and not os.environ.get("ORACLE")
    with concurrent.futures.ThreadPoolExecutor(len(names) if is_quick else 3) as pool:
        differences = [text for text in pool.map(found, names) if text]
    if differences:
        pytest.fail("\n\n".join(differences), pytrace=False)


def test_every_expectation_has_a_scenario():
    files = {str(file.relative_to(ORACLE).with_suffix("")) for file in ORACLE.glob("*/*.txt")}
    files -= {"json_api/calls"}  # tests/json_api/
    assert files - set(SCENARIOS) == set()
