"""Replays a history that the UI let download: replay.py FILE WORKFLOW_ID. Fails when it does not fit the code of worker.py."""
import asyncio
import sys

from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

import worker

with open(sys.argv[1]) as file:
    history = WorkflowHistory.from_json(sys.argv[2], file.read())
replayer = Replayer(workflows=[worker.Order, worker.Subscription, worker.Parcel], workflow_runner=UnsandboxedWorkflowRunner())
asyncio.run(replayer.replay_workflow(history))
