"""A worker of one version: python rollout_worker.py BUILD_ID [host:port]"""

import asyncio
import sys
from datetime import timedelta

from temporalio import workflow
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import Worker, WorkerDeploymentConfig


@workflow.defn(name="Order", versioning_behavior=VersioningBehavior.PINNED)  # stays on the version it began on
class Order:
    def __init__(self) -> None:
        self.is_paid = False

    @workflow.run
    async def run(self) -> str:
        await workflow.wait_condition(lambda: self.is_paid, timeout=timedelta(days=30))
        return f"delivered by {BUILD_ID}"

    @workflow.signal
    def pay(self) -> None:
        self.is_paid = True


async def main(address: str) -> None:
    version = WorkerDeploymentVersion(deployment_name="orders", build_id=BUILD_ID)
    config = WorkerDeploymentConfig(version=version, use_worker_versioning=True)
    client = await Client.connect(address)
    await Worker(client, task_queue="orders", workflows=[Order], deployment_config=config).run()


BUILD_ID = sys.argv[1] if len(sys.argv) > 1 else "dev"
if __name__ == "__main__":
    asyncio.run(main(sys.argv[2] if len(sys.argv) > 2 else "localhost:7233"))
