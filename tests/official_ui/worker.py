"""A worker for the official UI to look at: worker.py ADDRESS BUILD_ID. Says "ready" when it is."""

import asyncio
import logging
import sys
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import Worker, WorkerDeploymentConfig


@activity.defn
async def fails(text: str) -> str:
    raise RuntimeError(f"no {text} today")


@workflow.defn(versioning_behavior=VersioningBehavior.PINNED)
class Order:
    def __init__(self):
        self.done = False

    @workflow.run
    async def run(self, item: str) -> str:
        task = workflow.start_activity(fails, item, start_to_close_timeout=timedelta(seconds=5))
        await workflow.wait_condition(lambda: self.done)
        task.cancel()
        return f"{item} is done"

    @workflow.signal
    def finish(self):
        self.done = True

    @workflow.update
    def rename(self, name: str) -> str:
        return f"now {name}"

    @workflow.query
    def state(self) -> str:
        return "done" if self.done else "open"


async def main():
    client = await Client.connect(sys.argv[1])
    version = WorkerDeploymentVersion("shop", sys.argv[2])
    config = WorkerDeploymentConfig(version=version, use_worker_versioning=True)
    async with Worker(client, task_queue="orders", workflows=[Order], activities=[fails], deployment_config=config):
        print("ready", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)  # that the activity fails is what it is there for
    asyncio.run(main())
