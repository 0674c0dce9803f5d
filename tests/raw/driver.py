"""A worker and a client made of nothing but gRPC calls, so that a test can do what no SDK does, in any order.

A test reads like the trace that it wants to see:

    run = server.start()
    run.task().complete(start_timer("t", 0.1))
    run.task().complete(complete_workflow())
    run.expect('''
        1 WorkflowExecutionStarted
        2 WorkflowTaskScheduled
        3 WorkflowTaskStarted
        4 WorkflowTaskCompleted
        5 TimerStarted timer_id=t start_to_fire_timeout=0.1s
        ...
    ''')

`expect` compares, of each event, the number, the type and those attributes that the expected line names; see `render`.
"""

import contextlib
import json
import re
import shlex
import textwrap
import uuid
from datetime import timedelta

import grpc
from google.protobuf import duration_pb2, json_format, timestamp_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message_factory import GetMessageClass
from temporalio.api.command.v1 import message_pb2 as command_pb
from temporalio.api.common.v1 import grpc_status_pb2
from temporalio.api.common.v1 import message_pb2 as common_pb
from temporalio.api.enums.v1 import command_type_pb2, event_type_pb2
from temporalio.api.errordetails.v1 import message_pb2 as errordetails_pb
from temporalio.api.failure.v1 import message_pb2 as failure_pb
from temporalio.api.operatorservice.v1 import request_response_pb2 as operator_pb
from temporalio.api.operatorservice.v1 import service_pb2 as operator_service
from temporalio.api.protocol.v1 import message_pb2 as protocol_pb
from temporalio.api.testservice.v1 import service_pb2 as test_service
from temporalio.api.update.v1 import message_pb2 as update_pb
from temporalio.api.workflowservice.v1 import request_response_pb2 as service_pb
from temporalio.api.workflowservice.v1 import service_pb2 as workflow_service

SERVICES = [
    file.DESCRIPTOR.services_by_name[name]
    for file, name in (
        (workflow_service, "WorkflowService"),
        (operator_service, "OperatorService"),
        (test_service, "TestService"),
    )
]
CALL_SECONDS = 15  # a sanitizer build on a busy machine is slow; a healthy server answers in milliseconds


def unique(prefix):
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def seconds(value):
    return timedelta(seconds=value)


# ---------------------------------------------------------------------------------------------------------------------
# Payloads and failures


def payload(value):
    return common_pb.Payload(metadata={"encoding": b"json/plain"}, data=json.dumps(value).encode())


def payloads(*values):
    return common_pb.Payloads(payloads=[payload(value) for value in values])


def value_of(message):
    """The value in a Payload, or of the first one in Payloads; None if there is none."""
    if isinstance(message, common_pb.Payloads):
        return value_of(message.payloads[0]) if message.payloads else None
    return json.loads(message.data) if message.data else None


def application_failure(message="boom", type="Boom", **info):
    return failure_pb.Failure(message=message, application_failure_info=dict(type=type, **info))


# ---------------------------------------------------------------------------------------------------------------------
# Errors


class refused:
    """`with refused(INVALID_ARGUMENT, "text", detail)`: the call inside must fail with exactly this.

    `detail` is the expected error-detail message, or its type when its fields do not matter, or None for no detail.
    A text that is a compiled pattern must match completely.
    """

    def __init__(self, code, text=None, detail=None):
        self.code, self.text, self.detail = code, text, detail

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        assert error is not None, f"the call was accepted, expected {self.code.name}: {self.text}"
        if not isinstance(error, grpc.RpcError):
            return False
        got = f"{error.code().name}: {error.details()}"
        if isinstance(self.text, re.Pattern):
            assert error.code() == self.code and self.text.fullmatch(error.details()), got
        elif self.text is not None:
            assert got == f"{self.code.name}: {self.text}"
        else:
            assert error.code() == self.code, got
        self.message, self.got = error.details(), details_of(error)
        if isinstance(self.got, errordetails_pb.ResourceExhaustedFailure):
            check_exhausted_headers(error, self.got)
        if self.detail is None:
            assert self.got is None, f"a detail where none is expected: {self.got!r}"
        elif isinstance(self.detail, type):
            assert isinstance(self.got, self.detail), f"expected {self.detail.DESCRIPTOR.full_name}, got {self.got!r}"
        else:
            assert self.got == self.detail
        return True


def check_exhausted_headers(error, detail):
    """What is exhausted stands in two headers as well: BusyWorkflow, Namespace."""
    headers = dict(error.initial_metadata())
    for name in ("cause", "scope"):
        shown = headers[f"x-resource-exhausted-{name}"]
        enum = detail.DESCRIPTOR.fields_by_name[name].enum_type
        constant = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", shown).upper()
        assert enum.values_by_number[getattr(detail, name)].name == f"RESOURCE_EXHAUSTED_{name.upper()}_{constant}"


def details_of(error):
    """The message in the first (and only) detail of google.rpc.Status, or None."""
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            status = grpc_status_pb2.GrpcStatus.FromString(value)
            assert status.code == error.code().value[0] and status.message == error.details(), status
            if status.details:
                name = status.details[0].type_url.rpartition(".")[2]
                detail = getattr(errordetails_pb, name, None) or getattr(failure_pb, name)
                return detail.FromString(status.details[0].value)
    return None


INVALID_ARGUMENT = grpc.StatusCode.INVALID_ARGUMENT
NOT_FOUND = grpc.StatusCode.NOT_FOUND
ALREADY_EXISTS = grpc.StatusCode.ALREADY_EXISTS
FAILED_PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION
RESOURCE_EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED
DEADLINE_EXCEEDED = grpc.StatusCode.DEADLINE_EXCEEDED
PERMISSION_DENIED = grpc.StatusCode.PERMISSION_DENIED
ABORTED = grpc.StatusCode.ABORTED
UNIMPLEMENTED = grpc.StatusCode.UNIMPLEMENTED
NotFoundFailure = errordetails_pb.NotFoundFailure
NamespaceNotFoundFailure = errordetails_pb.NamespaceNotFoundFailure
AlreadyStartedFailure = errordetails_pb.WorkflowExecutionAlreadyStartedFailure
WorkflowNotReadyFailure = errordetails_pb.WorkflowNotReadyFailure
ResourceExhaustedFailure = errordetails_pb.ResourceExhaustedFailure
QueryFailedFailure = errordetails_pb.QueryFailedFailure
PermissionDeniedFailure = errordetails_pb.PermissionDeniedFailure
MultiOperationFailure = errordetails_pb.MultiOperationExecutionFailure
BUSY_WORKFLOW = ResourceExhaustedFailure(
    cause="RESOURCE_EXHAUSTED_CAUSE_BUSY_WORKFLOW", scope="RESOURCE_EXHAUSTED_SCOPE_NAMESPACE"
)


# ---------------------------------------------------------------------------------------------------------------------
# Commands


def _command(type, **attributes):
    (oneof,) = [name for name in attributes if name.endswith("_attributes")]
    return command_pb.Command(
        command_type=command_type_pb2.CommandType.Value(f"COMMAND_TYPE_{type}"), **{oneof: attributes[oneof]}
    )


def start_timer(timer_id, after):
    attributes = dict(timer_id=timer_id, start_to_fire_timeout=seconds(after))
    return _command("START_TIMER", start_timer_command_attributes=attributes)


def cancel_timer(timer_id):
    return _command("CANCEL_TIMER", cancel_timer_command_attributes=dict(timer_id=timer_id))


def schedule_activity(activity_id, queue, **attributes):
    """An activity of type "act" with ten seconds to run, unless the attributes say otherwise."""
    if not any(name in attributes for name in ("start_to_close_timeout", "schedule_to_close_timeout")):
        attributes["start_to_close_timeout"] = seconds(10)
    attributes = dict(
        dict(activity_id=activity_id, activity_type=dict(name="act"), task_queue=dict(name=queue)), **attributes
    )
    return _command("SCHEDULE_ACTIVITY_TASK", schedule_activity_task_command_attributes=attributes)


def cancel_activity(scheduled_event_id):
    attributes = dict(scheduled_event_id=scheduled_event_id)
    return _command("REQUEST_CANCEL_ACTIVITY_TASK", request_cancel_activity_task_command_attributes=attributes)


def record_marker(name, **details):
    attributes = dict(marker_name=name, details={key: payloads(value) for key, value in details.items()})
    return _command("RECORD_MARKER", record_marker_command_attributes=attributes)


def entries(values):
    """A map of payloads, as memos and search attributes have it. What is a Payload already stays as it is."""
    return {key: value if isinstance(value, common_pb.Payload) else payload(value) for key, value in values.items()}


def upsert_search_attributes(**values):
    attributes = dict(search_attributes=dict(indexed_fields=entries(values)))
    return _command(
        "UPSERT_WORKFLOW_SEARCH_ATTRIBUTES", upsert_workflow_search_attributes_command_attributes=attributes
    )


def modify_memo(**values):
    attributes = dict(upserted_memo=dict(fields=entries(values)))
    return _command("MODIFY_WORKFLOW_PROPERTIES", modify_workflow_properties_command_attributes=attributes)


def complete_workflow(*result):
    attributes = dict(result=payloads(*result)) if result else {}
    return _command("COMPLETE_WORKFLOW_EXECUTION", complete_workflow_execution_command_attributes=attributes)


def fail_workflow(failure=None):
    attributes = dict(failure=failure or application_failure())
    return _command("FAIL_WORKFLOW_EXECUTION", fail_workflow_execution_command_attributes=attributes)


def cancel_workflow(*details):
    attributes = dict(details=payloads(*details)) if details else {}
    return _command("CANCEL_WORKFLOW_EXECUTION", cancel_workflow_execution_command_attributes=attributes)


def continue_as_new(**attributes):
    return _command(
        "CONTINUE_AS_NEW_WORKFLOW_EXECUTION", continue_as_new_workflow_execution_command_attributes=attributes
    )


def start_child(workflow_id=None, queue=None, **attributes):
    """A child of type "child", under an id of its own and on its parent's queue, unless the attributes say otherwise."""
    names = dict(workflow_id=unique("child") if workflow_id is None else workflow_id, workflow_type=dict(name="child"))
    if queue is not None:
        names["task_queue"] = dict(name=queue)
    attributes = dict(names, **attributes)
    return _command("START_CHILD_WORKFLOW_EXECUTION", start_child_workflow_execution_command_attributes=attributes)


def signal_external(workflow_id, name="sig", *input, run_id="", **attributes):
    attributes.update(execution=dict(workflow_id=workflow_id, run_id=run_id), signal_name=name)
    if input:
        attributes["input"] = payloads(*input)
    return _command(
        "SIGNAL_EXTERNAL_WORKFLOW_EXECUTION", signal_external_workflow_execution_command_attributes=attributes
    )


def cancel_external(workflow_id, **attributes):
    attributes["workflow_id"] = workflow_id
    return _command(
        "REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION",
        request_cancel_external_workflow_execution_command_attributes=attributes,
    )


def bare(command_type):
    """A command without its attributes."""
    return command_pb.Command(command_type=command_type_pb2.CommandType.Value(f"COMMAND_TYPE_{command_type}"))


# ---------------------------------------------------------------------------------------------------------------------
# Updates, as a worker answers them: by messages, which commands may put in their place


def place(message):
    """The command that says: process this message now."""
    return _command("PROTOCOL_MESSAGE", protocol_message_command_attributes=dict(message_id=message.id))


def update_message(update_id, body, kind):
    message = protocol_pb.Message(id=f"{update_id}/{kind}", protocol_instance_id=update_id)
    if body is not None:
        message.body.Pack(body)
    return message


def accept(update_id, sequencing_event_id=1, **fields):
    body = dict(
        accepted_request_message_id=f"{update_id}/request", accepted_request_sequencing_event_id=sequencing_event_id
    )
    return update_message(update_id, update_pb.Acceptance(**dict(body, **fields)), "accept")


def reject(update_id, failure=None, **fields):
    body = dict(rejected_request_message_id=f"{update_id}/request", failure=failure or application_failure("no"))
    return update_message(update_id, update_pb.Rejection(**dict(body, **fields)), "reject")


def respond(update_id, *result, failure=None):
    outcome = dict(failure=failure) if failure else dict(success=payloads(*result))
    return update_message(update_id, update_pb.Response(meta=dict(update_id=update_id), outcome=outcome), "respond")


# ---------------------------------------------------------------------------------------------------------------------
# History as text


def event_type(event):
    """EVENT_TYPE_TIMER_FIRED -> TimerFired"""
    name = event_type_pb2.EventType.Name(event.event_type).removeprefix("EVENT_TYPE_")
    return "".join(word.capitalize() for word in name.split("_"))


def attributes_of(event):
    which = event.WhichOneof("attributes")
    return getattr(event, which) if which else None


def render(events, expected=()):
    """One line per event: its id, its type, and of the attributes those that the same line of `expected` names.

    A name may have dots and is looked up in the event's attributes, then in the event itself. Absent or empty: "-".
    """
    lines = []
    for index, event in enumerate(events):
        words = shlex.split(expected[index]) if index < len(expected) else []
        line = [str(event.event_id), event_type(event)]
        for word in words[2:]:
            name = word.partition("=")[0]
            line.append(shlex.quote(f"{name}={_text(event, name)}") if "=" in word else f"{word}?")
        lines.append(" ".join(line))
    return "\n".join(lines)


def normalized(text):
    return [
        " ".join(shlex.quote(word) for word in shlex.split(line))
        for line in textwrap.dedent(text).strip().splitlines()
    ]


def _text(event, name):
    first = name.partition(".")[0]
    attributes = attributes_of(event)
    holder = attributes if attributes is not None and first in attributes.DESCRIPTOR.fields_by_name else event
    field = None
    for part in name.split("."):
        field = holder.DESCRIPTOR.fields_by_name[part]
        if field.has_presence and not holder.HasField(part):
            return "-"
        holder = getattr(holder, part)
    return value_text(field, holder)


def value_text(field, value):
    if field.type == FieldDescriptor.TYPE_ENUM:
        prefix = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", field.enum_type.name).upper() + "_"
        return field.enum_type.values_by_number[value].name.removeprefix(prefix)
    if isinstance(value, duration_pb2.Duration):
        return f"{value.ToTimedelta().total_seconds():g}s"
    if isinstance(value, timestamp_pb2.Timestamp):
        return value.ToJsonString()
    if isinstance(value, (common_pb.Payload, common_pb.Payloads)):
        return json.dumps(value_of(value))
    if hasattr(value, "DESCRIPTOR"):
        return json.dumps(json_format.MessageToDict(value, preserving_proto_field_name=True), sort_keys=True)
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if value not in ("", 0, b"") else "-"


# ---------------------------------------------------------------------------------------------------------------------
# Updates, as a client sends them


def wait_for(stage):
    return dict(lifecycle_stage=f"UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_{stage}")


def update_request(update_id, name="up", *args, **fields):
    input = dict(name=name, args=payloads(*args)) if args else dict(name=name)
    return dict(dict(meta=dict(update_id=update_id, identity="client"), input=input), **fields)


# ---------------------------------------------------------------------------------------------------------------------
# The server, a run, its tasks


class Server:
    """A connection to a server. `call` reaches every RPC by its name; the other methods are what tests do often."""

    def __init__(self, address, namespace="default", credentials=None, **channel):
        self.address, self.namespace = address, namespace
        options = [("grpc.max_receive_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
        if credentials is None:
            self.channel = grpc.insecure_channel(address, options=options, **channel)
        else:
            self.channel = grpc.secure_channel(address, credentials, options=options, **channel)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.channel.close()

    def method(self, name):
        """The callable of an RPC: by its name, or as Service/Name where two services have one name."""
        service_name, _, method_name = name.rpartition("/")
        for service in SERVICES:
            method = service.methods_by_name.get(method_name)
            if method is not None and service_name in ("", service.name):
                request, response = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
                stub = self.channel.unary_unary(
                    f"/{service.full_name}/{method.name}",
                    request_serializer=request.SerializeToString,
                    response_deserializer=response.FromString,
                )
                return stub, request
        raise KeyError(name)

    def call(self, name, /, *, timeout=CALL_SECONDS, metadata=(), **fields):
        """Calls an RPC with the given request fields; `namespace` is filled in where there is one."""
        stub, request = self._prepare(name, fields)
        return stub(request, timeout=timeout, metadata=metadata)

    def call_later(self, name, /, *, timeout=CALL_SECONDS, metadata=(), **fields):
        """The same, without waiting: a grpc.Future."""
        stub, request = self._prepare(name, fields)
        return stub.future(request, timeout=timeout, metadata=metadata)

    def _prepare(self, name, fields, /):
        stub, request = self.method(name)
        if "namespace" in request.DESCRIPTOR.fields_by_name:
            fields.setdefault("namespace", self.namespace)
        return stub, request(**fields)

    def start(self, **fields):
        """Starts a workflow of type "wf" under an id and on a queue of its own; returns the Run."""
        fields.setdefault("workflow_id", unique("wf"))
        fields.setdefault("workflow_type", dict(name="wf"))
        fields.setdefault("task_queue", dict(name=unique("queue")))
        fields.setdefault("request_id", str(uuid.uuid4()))
        fields.setdefault("identity", "client")
        response = self.call("StartWorkflowExecution", **fields)
        return Run(self, fields["workflow_id"], response.run_id, fields["task_queue"].get("name"), response)


class Run:
    def __init__(self, server, workflow_id, run_id, queue, response=None):
        self.server, self.workflow_id, self.run_id, self.queue = server, workflow_id, run_id, queue
        self.response = response

    @property
    def execution(self):
        return dict(workflow_id=self.workflow_id, run_id=self.run_id)

    def other(self, run_id):
        """Another run of the same workflow id, e.g. the one that continues this one."""
        return Run(self.server, self.workflow_id, run_id, self.queue)

    # What a worker does

    def task_later(self, queue=None, timeout=CALL_SECONDS, **fields):
        fields.setdefault("task_queue", dict(name=queue or self.queue))
        fields.setdefault("identity", "worker")
        return self.server.call_later("PollWorkflowTaskQueue", timeout=timeout, **fields)

    def task(self, queue=None, **fields):
        """The next workflow task; fails when there is none."""
        response = self.task_later(queue, **fields).result()
        assert response.task_token, "no workflow task came; the history is\n" + self.text()
        return Task(self, response)

    def no_task(self, queue=None):
        """A poll that comes back empty: 2 s is the shortest deadline that the server takes."""
        response = self.task_later(queue, timeout=2.3).result()
        assert not response.task_token, "a workflow task came where none is expected; the history is\n" + self.text()

    def activity_later(self, timeout=CALL_SECONDS, **fields):
        fields.setdefault("task_queue", dict(name=self.queue))
        fields.setdefault("identity", "worker")
        return self.server.call_later("PollActivityTaskQueue", timeout=timeout, **fields)

    def activity(self, **fields):
        response = self.activity_later(**fields).result()
        assert response.task_token, "no activity task came; the history is\n" + self.text()
        return Activity(self, response)

    def no_activity(self):
        response = self.activity_later(timeout=2.3).result()
        assert not response.task_token, "an activity task came where none is expected"

    def schedule_activity(self, activity_id, **attributes):
        """The command for an activity on this run's own queue."""
        return schedule_activity(activity_id, self.queue, **attributes)

    # What a client does

    def signal(self, name="sig", *input, **fields):
        fields.setdefault("workflow_execution", self.execution)
        fields.setdefault("identity", "client")
        if input:
            fields["input"] = payloads(*input)
        return self.server.call("SignalWorkflowExecution", signal_name=name, **fields)

    def cancel(self, **fields):
        fields.setdefault("workflow_execution", self.execution)
        return self.server.call("RequestCancelWorkflowExecution", **fields)

    def terminate(self, **fields):
        fields.setdefault("workflow_execution", self.execution)
        return self.server.call("TerminateWorkflowExecution", **fields)

    def query_later(self, type="state", timeout=CALL_SECONDS, **fields):
        fields.setdefault("execution", self.execution)
        return self.server.call_later("QueryWorkflow", query=dict(query_type=type), timeout=timeout, **fields)

    def query(self, type="state", **fields):
        return self.query_later(type, **fields).result()

    def update_later(self, update_id="u", name="up", *args, stage="COMPLETED", timeout=CALL_SECONDS, **fields):
        fields.setdefault("workflow_execution", self.execution)
        fields.setdefault("request", update_request(update_id, name, *args))
        if stage:
            fields.setdefault("wait_policy", wait_for(stage))
        return self.server.call_later("UpdateWorkflowExecution", timeout=timeout, **fields)

    def update(self, *args, **fields):
        return self.update_later(*args, **fields).result()

    def send_update(self, update_id="u", *args, **fields):
        """Sends an update and waits until the server knows it; returns the future of its answer."""
        answer = self.update_later(update_id, *args, **fields)
        while not answer.done():
            try:
                self.poll_update(update_id)
                break
            except grpc.RpcError as error:
                assert error.code() == NOT_FOUND, error
        return answer

    def poll_update(self, update_id="u", stage=None, timeout=CALL_SECONDS, **fields):
        fields.setdefault("update_ref", dict(workflow_execution=self.execution, update_id=update_id))
        if stage:
            fields.setdefault("wait_policy", wait_for(stage))
        return self.server.call("PollWorkflowExecutionUpdate", timeout=timeout, **fields)

    def describe(self, **fields):
        fields.setdefault("execution", self.execution)
        return self.server.call("DescribeWorkflowExecution", **fields)

    def status(self):
        info = self.describe().workflow_execution_info
        return value_text(info.DESCRIPTOR.fields_by_name["status"], info.status)

    def history_page(self, **fields):
        fields.setdefault("execution", self.execution)
        return self.server.call("GetWorkflowExecutionHistory", **fields)

    def events(self):
        events, token = [], b""
        while True:
            page = self.history_page(next_page_token=token)
            events += page.history.events
            token = page.next_page_token
            if not token:
                return events

    def wait_closed(self, timeout=60):
        """The close event, waited for with the long poll that SDKs use."""
        token = b""
        while True:
            page = self.history_page(
                wait_new_event=True,
                history_event_filter_type="HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT",
                next_page_token=token,
                timeout=timeout,
                metadata=(("supported-features", "follows-next-run-id"),),
            )
            if page.history.events:
                return page.history.events[0]
            token = page.next_page_token

    def text(self):
        return render(self.events())

    def expect(self, text):
        """Compares the history with the expected one; a line "..." at the start skips all events before the next line's."""
        expected, events = normalized(text), self.events()
        if expected[0] == "...":
            expected = expected[1:]
            first = int(expected[0].split()[0])
            events = [event for event in events if event.event_id >= first]
        assert render(events, expected) == "\n".join(expected), "whole history:\n" + self.text()


class Task:
    """A workflow task that a poll returned; the response's fields are its attributes."""

    def __init__(self, run, response):
        self.run, self.response = run, response

    def __getattr__(self, name):
        return getattr(self.response, name)

    def complete(self, *commands, **fields):
        fields.setdefault("identity", "worker")
        return self.run.server.call(
            "RespondWorkflowTaskCompleted", task_token=self.response.task_token, commands=commands, **fields
        )

    def fail(self, cause="WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE", **fields):
        fields.setdefault("identity", "worker")
        fields.setdefault("failure", application_failure())
        return self.run.server.call(
            "RespondWorkflowTaskFailed", task_token=self.response.task_token, cause=cause, **fields
        )

    def answer_query(self, *result, **fields):
        """Answers a query that came alone, as a task without a started event."""
        fields.setdefault("completed_type", "QUERY_RESULT_TYPE_ANSWERED")
        if result:
            fields["query_result"] = payloads(*result)
        return self.run.server.call("RespondQueryTaskCompleted", task_token=self.response.task_token, **fields)

    def inline(self, *commands, **fields):
        """Completes the task and asks for the next one in the answer."""
        response = self.complete(*commands, return_new_workflow_task=True, **fields)
        assert response.workflow_task.task_token, "no workflow task came inline; the history is\n" + self.run.text()
        return Task(self.run, response.workflow_task)

    def text(self):
        """The history that came with the task."""
        return render(self.response.history.events)


class Activity:
    """An activity task that a poll returned; the response's fields are its attributes."""

    def __init__(self, run, response):
        self.run, self.response = run, response

    def __getattr__(self, name):
        return getattr(self.response, name)

    def _respond(self, rpc, **fields):
        fields.setdefault("identity", "worker")
        return self.run.server.call(rpc, task_token=self.response.task_token, **fields)

    def complete(self, *result, **fields):
        return self._respond("RespondActivityTaskCompleted", result=payloads(*result) if result else None, **fields)

    def fail(self, failure=None, **fields):
        return self._respond("RespondActivityTaskFailed", failure=failure or application_failure(), **fields)

    def cancel(self, *details, **fields):
        return self._respond("RespondActivityTaskCanceled", details=payloads(*details) if details else None, **fields)

    def heartbeat(self, *details, **fields):
        return self._respond(
            "RecordActivityTaskHeartbeat", details=payloads(*details) if details else None, **fields
        )


@contextlib.contextmanager
def polling(future):
    """A poll under way while the block runs, given up afterwards, so that it takes no later test's task."""
    try:
        yield future
    finally:
        future.cancel()
