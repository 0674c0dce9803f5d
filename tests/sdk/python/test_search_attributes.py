"""Search attributes at the start, in the workflow, and in its description."""

from datetime import datetime, timezone

import pytest_asyncio
from stories import *
from temporalio import workflow
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.testing import WorkflowEnvironment

KEYWORD = SearchAttributeKey.for_keyword("City")
NUMBER = SearchAttributeKey.for_int("Floors")
WHEN = SearchAttributeKey.for_datetime("Built")
WORDS = SearchAttributeKey.for_keyword_list("Colours")


@workflow.defn
class House:
    @workflow.run
    async def run(self) -> list:
        attributes = workflow.info().typed_search_attributes
        seen = [attributes[KEYWORD], attributes[NUMBER], attributes[WORDS]]
        workflow.upsert_search_attributes([NUMBER.value_set(attributes[NUMBER] + 1), WORDS.value_unset()])
        return seen


@pytest_asyncio.fixture(scope="module")
async def city(fermata_exe):
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=fermata_exe,
        dev_server_log_level="error",
        search_attributes=[KEYWORD, NUMBER, WHEN, WORDS],
    ) as env:
        yield env.client


async def test_they_are_set_at_the_start_and_changed_by_the_workflow(city):
    built = datetime(1999, 12, 31, tzinfo=timezone.utc)
    attributes = TypedSearchAttributes(
        [
            SearchAttributePair(KEYWORD, "Oslo"),
            SearchAttributePair(NUMBER, 3),
            SearchAttributePair(WHEN, built),
            SearchAttributePair(WORDS, ["red", "white"]),
        ]
    )
    async with worker(city, House) as queue:
        handle = await city.start_workflow(
            House.run, id=unique(), task_queue=queue, search_attributes=attributes, run_timeout=seconds(20)
        )
        assert await handle.result() == ["Oslo", 3, ["red", "white"]]
    described = (await handle.describe()).typed_search_attributes
    assert (described[KEYWORD], described[NUMBER], described[WHEN]) == ("Oslo", 4, built)
    assert WORDS not in described
