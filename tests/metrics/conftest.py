import re
import time
import urllib.request
from collections import Counter

import pytest
from driver import Server
from launch import launch
from prometheus_client.parser import text_string_to_metric_families


class Page:
    """What /metrics says, read by Prometheus's own parser."""

    def __init__(self, text):
        self.text = text
        self.families = {family.name: family for family in text_string_to_metric_families(text)}
        self.samples = [
            # The parser calls counters as newer ones are called.
            sample._replace(name=family.name) if family.type == "counter" else sample
            for family in self.families.values()
            for sample in family.samples
        ]

    def of(self, name, labels):
        wanted = labels.items()
        return [sample for sample in self.samples if sample.name == name and wanted <= sample.labels.items()]

    def value(self, name, **labels):
        """The sum of the samples that have these labels, whatever others they have; 0 when there is none."""
        return sum(sample.value for sample in self.of(name, labels))

    def labels(self, name, **labels):
        return [sample.labels for sample in self.of(name, labels)]


class MeasuredServer(Server):
    def __init__(self, address, url):
        super().__init__(address)
        self.url = url

    def page(self):
        with urllib.request.urlopen(self.url) as answer:
            return Page(answer.read().decode())

    def comes_to(self, fits, timeout=70):
        """The page as soon as it fits: the real server brings what it counts onto its page in steps."""
        give_up = time.monotonic() + timeout
        while True:
            page = self.page()
            if fits(page):
                return page
            assert time.monotonic() < give_up, "the page does not come to this"
            time.sleep(0.05)

    def moves(self, *expected):
        """`with server.moves(("name", {labels}, by), ...)`: what the block does counts just so."""
        return Moves(self, expected)


class Moves:
    def __init__(self, server, expected):
        self.server, self.expected = server, expected

    def _read(self, page):
        return [page.value(name, **labels) for name, labels, _ in self.expected]

    def __enter__(self):
        self.before = self._read(self.server.page())
        return self

    def __exit__(self, kind, error, traceback):
        if error is not None:
            return
        wanted = [before + by for before, (_, _, by) in zip(self.before, self.expected)]
        give_up = time.monotonic() + 20
        while (now := self._read(self.server.page())) != wanted:
            assert time.monotonic() < give_up, "\n".join(
                f"{name} {labels} is {is_now}, not {want}"
                for (name, labels, _), is_now, want in zip(self.expected, now, wanted)
                if is_now != want
            )
            time.sleep(0.05)


@pytest.fixture(scope="module")
def server(fermata_exe):
    with launch(fermata_exe, "--metrics-port", "0", "--namespace", "other-team") as launched:
        deadline = time.monotonic() + 20
        while not (found := re.search(r"Metrics: +(http://\S+)", launched.output())):
            assert time.monotonic() < deadline, launched.output()
            time.sleep(0.01)
        with MeasuredServer(launched.address, found[1]) as server:
            yield server
