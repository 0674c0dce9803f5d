"""A worker whose workflows the browser tests look at: worker.py ADDRESS NAMESPACE TASK_QUEUE [DEPLOYMENT BUILD_ID].

The build id decides what the code does: one that contains "broken" has changed the order of its commands without a patch, as a
naive deploy does; the variable BROKEN does the same to a worker without a version. Says "ready" once it polls, and ends when its standard input does.
"""
import asyncio
import os
import sys
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.common import RetryPolicy, VersioningBehavior, WorkerDeploymentVersion
from temporalio.exceptions import ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker, WorkerDeploymentConfig

BUILD = sys.argv[5] if len(sys.argv) > 5 else ""
BROKEN = "broken" in BUILD or "BROKEN" in os.environ
VERSIONED = len(sys.argv) > 5
PINNED = VersioningBehavior.PINNED if VERSIONED else VersioningBehavior.UNSPECIFIED
AUTO_UPGRADE = VersioningBehavior.AUTO_UPGRADE if VERSIONED else VersioningBehavior.UNSPECIFIED


@activity.defn
async def reserve_stock(order: dict) -> dict:
    return {"reserved": order.get("item", "nothing"), "warehouse": "Utrecht"}


@activity.defn
async def charge_card(order: dict) -> str:
    if order.get("card") == "declined":
        raise ApplicationError(f"card of {order.get('customer', '?')} was declined", type="CardDeclined")
    return "paid"


@activity.defn
async def send_mail(subject: str) -> None:
    pass


FAST = RetryPolicy(initial_interval=timedelta(seconds=1), backoff_coefficient=1.5, maximum_interval=timedelta(seconds=20))


class Story:
    """What both kinds of workflow do; they differ in how they follow deploys."""

    def __init__(self) -> None:
        self.step = "new"
        self.address = "Main Street 1"
        self.shipped = False

    async def go(self, order: dict) -> dict:
        late = timedelta(seconds=20)
        if BROKEN:
            await workflow.sleep(timedelta(seconds=1))
        reserved = await workflow.execute_activity(reserve_stock, order, start_to_close_timeout=late)
        self.step = "reserved"
        await workflow.execute_activity(charge_card, order, start_to_close_timeout=late, retry_policy=FAST)
        self.step = "paid"
        await workflow.execute_child_workflow("Parcel", order.get("item", "nothing"), id=f"{workflow.info().workflow_id}-parcel")
        self.step = "packed"
        try:
            await workflow.wait_condition(lambda: self.shipped, timeout=timedelta(hours=order.get("hours", 6)))
        except asyncio.TimeoutError:
            self.step = "late"
        await workflow.execute_activity(send_mail, "on its way", start_to_close_timeout=late)
        return {"step": self.step, "address": self.address, **reserved}

    @workflow.signal
    def ship(self, note: str = "") -> None:
        self.shipped = True

    @workflow.query
    def state(self) -> str:
        return f"{self.step} for {self.address}"

    @workflow.update
    def change_address(self, address: str) -> str:
        before, self.address = self.address, address
        return before


@workflow.defn(versioning_behavior=PINNED)
class Order(Story):
    @workflow.run
    async def run(self, order: dict) -> dict:
        return await self.go(order)


@workflow.defn(versioning_behavior=AUTO_UPGRADE)
class Subscription(Story):
    @workflow.run
    async def run(self, order: dict) -> dict:
        return await self.go(order)


@workflow.defn(versioning_behavior=PINNED)
class Parcel:
    @workflow.run
    async def run(self, item: str) -> str:
        await workflow.sleep(timedelta(seconds=0.2))
        return f"packed {item}"


async def main() -> None:
    address, namespace, queue = sys.argv[1:4]
    client = await Client.connect(address, namespace=namespace)
    config = None
    if VERSIONED:
        version = WorkerDeploymentVersion(deployment_name=sys.argv[4], build_id=BUILD)
        config = WorkerDeploymentConfig(version=version, use_worker_versioning=True)
    worker = Worker(
        client,
        task_queue=queue,
        workflows=[Order, Subscription, Parcel],
        activities=[reserve_stock, charge_card, send_mail],
        deployment_config=config,
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    async with worker:
        print("ready", flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
