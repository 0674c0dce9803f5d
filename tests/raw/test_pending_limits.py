"""How many things of a kind a run may have pending: one more fails the task that asks for it, with a cause of its own, and
none of that task's commands has an effect."""

import pytest
from driver import *

MOST = 2000

# The command, the failure's cause, and what the text begins with.
KINDS = [
    (lambda: start_child(), "PENDING_CHILD_WORKFLOWS_LIMIT_EXCEEDED", "PendingChildWorkflowsLimitExceeded: "),
    (lambda: signal_external("nobody"), "PENDING_SIGNALS_LIMIT_EXCEEDED", "PendingSignalsLimitExceeded: "),
    (lambda: cancel_external("nobody"), "PENDING_REQUEST_CANCEL_LIMIT_EXCEEDED", "PendingRequestCancelLimitExceeded: "),
]


@pytest.mark.parametrize("command, cause, text", KINDS, ids=["children", "signals", "cancels"])
def test_one_too_many_fails_the_task(server, command, cause, text):
    run = server.start()
    with refused(INVALID_ARGUMENT) as refusal:
        run.task().complete(*(command() for _ in range(MOST + 1)))
    assert refusal.message.startswith(text)
    run.expect(f"""
        ...
        4 WorkflowTaskFailed cause={cause}
        5 WorkflowTaskScheduled
    """)
    described = run.describe()
    assert not described.pending_children and described.workflow_execution_info.history_length == 4
