"""An order, from the client's call to its end: python readme_example.py [host:port]"""

import asyncio
import sys
import time
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.common import RetryPolicy
from temporalio.worker import Worker


@activity.defn
async def charge(amount: int) -> str:
    attempt = activity.info().attempt
    print(f"charging {amount}, attempt {attempt}")
    if attempt < 3:
        raise RuntimeError("the bank is not answering")
    return f"receipt-{attempt}"


@workflow.defn
class Order:
    def __init__(self) -> None:
        self.state, self.address = "charging", ""

    @workflow.run
    async def run(self, amount: int, packed: str = "") -> str:
        if packed:
            return f"{packed}, delivered"
        receipt = await workflow.execute_activity(
            charge,
            amount,
            start_to_close_timeout=timedelta(seconds=10),
            retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=100)),  # then 200, 400 …
        )
        self.state = "waiting for the address"
        await workflow.wait_condition(lambda: self.address != "")
        await workflow.sleep(0.5)  # a timer of the server's: it survives this worker
        workflow.continue_as_new(args=[amount, f"{receipt} for {self.address}"])  # a new run, with a short history

    @workflow.signal
    def send_to(self, address: str) -> None:
        self.address = address

    @workflow.query
    def how_far(self) -> str:
        return self.state


async def main(address: str) -> None:
    client = await Client.connect(address)
    async with Worker(client, task_queue="orders", workflows=[Order], activities=[charge]):
        order = await client.start_workflow(Order.run, 42, id="order-1", task_queue="orders")
        await order.signal(Order.send_to, "1 Harbour Street")
        print(await order.query(Order.how_far))
        print(await order.result())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "localhost:7233"))
    time.sleep(0.2)  # threads of the SDK must end before the interpreter does: sdk-python's issue 300
