"""An order desk: orders are started with search attributes, change them and their memo as they go, and are listed and counted."""

import os
from collections import Counter
from datetime import datetime, timezone

import pytest
import pytest_asyncio
from stories import *
from temporalio import workflow
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import (
    AddSearchAttributesRequest,
    ListSearchAttributesRequest,
    RemoveSearchAttributesRequest,
)
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment

CUSTOMER = SearchAttributeKey.for_keyword("Customer")
STATE = SearchAttributeKey.for_keyword("State")
ITEMS = SearchAttributeKey.for_keyword_list("Items")
TOTAL = SearchAttributeKey.for_float("Total")
NOTE = SearchAttributeKey.for_text("Note")
RUSH = SearchAttributeKey.for_bool("Rush")
DUE = SearchAttributeKey.for_datetime("Due")
COUNT = SearchAttributeKey.for_int("Pieces")

ORACLE = bool(os.environ.get("ORACLE"))


@workflow.defn
class Order:
    def __init__(self):
        self.shipped = False

    @workflow.signal
    def ship(self):
        self.shipped = True

    @workflow.run
    async def run(self, breaks: bool) -> str:
        workflow.upsert_search_attributes([STATE.value_set("packing")])
        await workflow.wait_condition(lambda: self.shipped)
        workflow.upsert_search_attributes([STATE.value_set("shipped"), RUSH.value_unset()])
        workflow.upsert_memo({"parcel": "P-1", "draft": None})
        if breaks:
            raise ApplicationError("lost in the post", non_retryable=True)
        return "shipped"


@pytest_asyncio.fixture(scope="module")
async def desk(fermata_exe):
    keys = [CUSTOMER, STATE, ITEMS, TOTAL, NOTE, RUSH, DUE, COUNT]
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=fermata_exe, dev_server_log_level="error", search_attributes=keys
    ) as env:
        yield env.client


def order(customer, number):
    return TypedSearchAttributes(
        [
            SearchAttributePair(CUSTOMER, customer),
            SearchAttributePair(ITEMS, ["tea", f"cup {number}"]),
            SearchAttributePair(TOTAL, 2.5 * number),
            SearchAttributePair(NOTE, "Please ring twice; the bell is weak"),
            SearchAttributePair(RUSH, number % 2 == 0),
            SearchAttributePair(DUE, datetime(2030, 1, 1 + number, tzinfo=timezone.utc)),
            SearchAttributePair(COUNT, number),
        ]
    )


async def place(client, queue, customer, count, breaks=False):
    return [
        await client.start_workflow(
            Order.run,
            breaks,
            id=f"{customer}-{number}",
            task_queue=queue,
            search_attributes=order(customer, number),
            memo={"draft": True, "by": "desk"},
            run_timeout=seconds(60),
        )
        for number in range(count)
    ]


async def ids(client, query, **options):
    return [execution.id async for execution in client.list_workflows(query, **options)]


async def settled(client, query, count):
    """The real server's lists lag behind; ours are right when a call returns."""
    if ORACLE:
        await eventually(lambda: _has(client, query, count))
    assert (await client.count_workflows(query)).count == count


async def _has(client, query, count):
    return (await client.count_workflows(query)).count == count


async def test_orders_are_found_by_what_is_said_of_them(desk):
    customer = unique("customer")
    async with worker(desk, Order) as queue:
        await place(desk, queue, customer, 6)
        mine = f"Customer = '{customer}'"
        await eventually(lambda: _has(desk, f"{mine} AND State = 'packing'", 6))
        for query, expected in [
            ("Pieces >= 4", "54"),
            ("Pieces BETWEEN 1 AND 2", "21"),
            ("Total > 5.0 AND Rush = TRUE", "4"),
            ("Items = 'CUP 3' OR Items = 'cup 5'", "53"),
            ("Note = 'bell' AND Pieces = 0", "0"),
            ("Note = 'doorbell'", ""),
            ("Due < '2030-01-03T00:00:00Z'", "10"),
            ("State IS NULL", ""),
            (f"WorkflowId STARTS_WITH '{customer}' AND NOT Rush = TRUE", "531"),
            (f"WorkflowType = 'Order' AND TaskQueue = '{queue}' AND ExecutionStatus = 'Running'", "543210"),
        ]:
            found = await ids(desk, f"{mine} AND ({query})")
            assert [name[-1] for name in found] == list(expected), query
        pages = desk.list_workflows(mine, page_size=4)
        assert [execution.id[-1] async for execution in pages] == list("543210")
        assert len(await ids(desk, mine, limit=3)) == 3


async def test_what_a_list_tells_of_an_order(desk):
    customer = unique("customer")
    async with worker(desk, Order) as queue:
        (handle,) = await place(desk, queue, customer, 1)
        await handle.signal(Order.ship)
        await handle.result()
    mine = f"Customer = '{customer}'"
    await settled(desk, f"{mine} AND ExecutionStatus = 'Completed'", 1)
    (execution,) = [execution async for execution in desk.list_workflows(mine)]
    described = await handle.describe()
    assert (execution.id, execution.run_id) == (handle.id, handle.first_execution_run_id)
    assert execution.workflow_type == "Order" and execution.task_queue == queue
    assert execution.status == WorkflowExecutionStatus.COMPLETED
    assert execution.history_length == described.history_length
    assert abs(execution.close_time - described.close_time) < seconds(0.001)
    attributes = execution.typed_search_attributes
    assert (attributes[STATE], attributes[COUNT], attributes[ITEMS]) == ("shipped", 0, ["tea", "cup 0"])
    assert attributes[DUE] == datetime(2030, 1, 1, tzinfo=timezone.utc)
    assert RUSH not in attributes
    assert await execution.memo() == {"by": "desk", "parcel": "P-1"} == await described.memo()


async def test_orders_are_counted_by_how_they_ended(desk):
    customer = unique("customer")
    async with worker(desk, Order) as queue:
        handles = await place(desk, queue, customer, 3) + await place(desk, queue, customer + "-x", 2, breaks=True)
        for handle in handles[1:]:
            await handle.signal(Order.ship)
        for handle in handles[1:]:
            try:
                await handle.result()
            except WorkflowFailureError:
                pass
        both = f"Customer IN ('{customer}', '{customer}-x')"
        await settled(desk, f"{both} AND CloseTime IS NOT NULL", 4)
        counted = await desk.count_workflows(f"{both} GROUP BY ExecutionStatus")
        assert counted.count == 5
        groups = Counter({group.group_values[0]: group.count for group in counted.groups})
        assert groups == dict(Running=1, Completed=2, Failed=2)
        assert (await desk.count_workflows(f"{both} AND State = 'shipped'")).count == 4


async def test_a_filter_that_is_none(desk):
    with pytest.raises(RPCError) as refused:
        await ids(desk, "Customer == 'x'")
    assert refused.value.status == RPCStatusCode.INVALID_ARGUMENT
    assert refused.value.message == "invalid query: malformed SQL query: syntax error at position 39"


async def test_an_attribute_that_is_added_later(desk):
    operator, namespace = desk.operator_service, desk.namespace
    keyword = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
    shelf = SearchAttributeKey.for_keyword("Shelf")
    await operator.add_search_attributes(
        AddSearchAttributesRequest(namespace=namespace, search_attributes={shelf.name: keyword})
    )
    listed = await operator.list_search_attributes(ListSearchAttributesRequest(namespace=namespace))
    assert listed.custom_attributes[shelf.name] == keyword
    handle = await desk.start_workflow(
        "Order",
        id=unique(),
        task_queue=unique("queue"),
        search_attributes=TypedSearchAttributes([SearchAttributePair(shelf, "top")]),
    )
    await settled(desk, "Shelf = 'top'", 1)
    assert (await handle.describe()).typed_search_attributes[shelf] == "top"
    await handle.terminate()
    await operator.remove_search_attributes(
        RemoveSearchAttributesRequest(namespace=namespace, search_attributes=[shelf.name])
    )
    with pytest.raises(RPCError, match="invalid search attribute: Shelf"):
        await ids(desk, "Shelf = 'top'")
    assert shelf not in (await handle.describe()).typed_search_attributes
