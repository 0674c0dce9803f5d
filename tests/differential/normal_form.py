"""Messages as text that is the same on two servers, and in two runs of one, when they behave alike.

Every field that is set is told; only what must differ is put in other words:

- ids that a test makes end with a tag of its own, which is cut off; a UUID becomes run-1, request-1 or id-1, counted in
  the order in which they appear;
- a point in time becomes its distance from another one where clients can rely on that (FOLLOWING), else "set";
- what is measured, or means something to the server alone, becomes "set" (MEASURED).
"""

import base64
import json
import re

from driver import attributes_of, details_of, event_type
from google.protobuf import descriptor_pool, duration_pb2, struct_pb2, timestamp_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message_factory import GetMessageClass
from temporalio.api.common.v1 import message_pb2 as common_pb
from temporalio.api.history.v1 import message_pb2 as history_pb
from temporalio.api.workflowservice.v1 import request_response_pb2 as service_pb

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

# The identity of an SDK's client that gives itself none.
PROCESS = re.compile(r"\d+@[^@]+@")

# Points in time that follow from others: told as the distance from the event, or from the start of the run.
FOLLOWING = {
    "workflow_execution_expiration_time",
    "execution_expiration_time",
    "run_expiration_time",
    "execution_time",
}

# Set or not set, that is all that can be compared.
MEASURED = {
    "task_token",
    "history_size_bytes",
    "state_transition_count",  # how many steps the real server makes of one is its own affair; see docs/differences.md
    "execution_duration",
    "next_page_token",
}

# Not even that: what depends on how soon a server came round to something.
PASSED_OVER = {
    "backlog_count_hint",  # counted late, when at all
    "poller_scaling_decision",  # advice by the load of the moment
    "poller_group_infos",
    "poller_group_id",
}

# In no order at all on the real server.
UNORDERED = {
    "pending_activities": lambda activity: activity.activity_id,
    "pending_children": lambda child: child.initiated_id,
}

# What is left of the second that lies between the starts of a chain's runs: that depends on how quick the worker was.
PART_OF_A_SECOND = "up to a second"

# The real server holds the fourth and later attempts of a workflow task back by a time that chance has a part in.
LONGER_AND_LONGER = "longer each time"

WIDTH = 120
LONG = 600  # characters of a string that are told; of a longer one the beginning and the length


class Normalizer:
    """Gives names to what is called differently each time. One for each scenario, because names count upwards."""

    def __init__(self, tag, namespace="default"):
        self.tag, self.namespace, self.names, self.counts = tag, namespace, {}, {}
        self.passed_over = set(PASSED_OVER)
        self.one_instant = set()  # ids of events whose time, against that of their cause, is not compared

    def name_of(self, id, field):
        """The name of a UUID that appears in a field."""
        if id not in self.names:
            kind = "run" if "run_id" in field else "request" if "request" in field else "id"
            self.counts[kind] = self.counts.get(kind, 0) + 1
            self.names[id] = f"{kind}-{self.counts[kind]}"
        return self.names[id]

    def string(self, text, field=""):
        if field == "identity" and PROCESS.fullmatch(text):
            return "a process of the server's"
        text = text.replace(f"-{self.tag}", "").replace(self.namespace, "default")
        text = text.replace("proto:\u00a0", "proto: ")  # Go's library has the one or the other by chance
        return UUID.sub(lambda found: self.name_of(found[0], field), text)

    def events(self, events):
        return [line for index, event in enumerate(events) for line in self.event(event, events[:index])]

    def event(self, event, before=()):
        """Lines for an event, with the events that come before it in the history."""
        parts = []
        later = [
            other.event_id
            for other in before
            if event.event_id not in self.one_instant
            and ends_a_task(other)
            and nanos_of(other.event_time) > nanos_of(event.event_time)
        ]
        if later:  # it happened while that task ran, and was held back
            parts.append(f"event_time = before that of {later[0]}")
        if not event.task_id:
            parts.append("task_id = none")
        attributes = attributes_of(event)
        if attributes is not None:
            for part in self.fields(attributes, event.event_time):
                if part.startswith("start_to_close_timeout") and getattr(attributes, "attempt", 0) > 3:
                    part = f"start_to_close_timeout = {LONGER_AND_LONGER}"
                parts.append(part)
        rest = history_pb.HistoryEvent()
        rest.CopyFrom(event)
        for name in ("event_id", "event_type", "event_time", "task_id", rest.WhichOneof("attributes")):
            if name:
                rest.ClearField(name)
        return filled(f"{event.event_id} {event_type(event)}", parts + self.fields(rest))

    def message(self, title, message):
        """Lines for a message under a title."""
        return filled(title, self.fields(message))

    def error(self, title, error):
        """Lines for an error that a call ended with."""
        lines = [f"{title}: {error.code().name}: {self.short(error.details())}"]
        detail = details_of(error)
        return lines + (indented(self.message(detail.DESCRIPTOR.name, detail)) if detail is not None else [])

    def fields(self, message, origin=None):
        """What each field that is set says, in the order of their numbers; times are told from `origin`."""
        if isinstance(message, service_pb.DescribeWorkflowExecutionResponse):
            origin = message.workflow_execution_info.start_time
        return [
            f"{field.name} = {self.value(field, value, origin)}"
            for field, value in message.ListFields()
            if field.name not in self.passed_over
        ]

    def value(self, field, value, origin):
        if field.name in MEASURED:
            return "set"
        if field.type == FieldDescriptor.TYPE_MESSAGE and field.message_type.GetOptions().map_entry:
            inner = field.message_type.fields_by_name["value"]
            return braced(
                f"{self.string(str(key), field.name)} = {self.single(inner, value[key], origin)}"
                for key in sorted(value)
            )
        if field.is_repeated:
            items = sorted(value, key=UNORDERED[field.name]) if field.name in UNORDERED else value
            return "[" + ", ".join(self.single(field, item, origin) for item in items) + "]"
        return self.single(field, value, origin)

    def single(self, field, value, origin):
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            if value.DESCRIPTOR.full_name == "google.protobuf.Any":
                inner = unpacked(value)
                return f"{inner.DESCRIPTOR.name} {braced(self.fields(inner, origin))}"
            return self.well_known(field, value, origin) or braced(self.fields(value, origin))
        if field.type == FieldDescriptor.TYPE_ENUM:
            return enum_text(field.enum_type, value)
        if field.type == FieldDescriptor.TYPE_BYTES:
            return self.short(bytes_text(value), field.name)
        if field.type == FieldDescriptor.TYPE_STRING:
            return json.dumps(self.short(value, field.name), ensure_ascii=False)
        return str(value).lower()

    def well_known(self, field, value, origin):
        """The text of a message that is one value in truth; "" for any other."""
        if isinstance(value, common_pb.Payloads):
            return "[" + ", ".join(self.payload(item) for item in value.payloads) + "]"
        if isinstance(value, common_pb.Payload):
            return self.payload(value)
        if isinstance(value, duration_pb2.Duration):
            return duration_text(field.name, value)
        if isinstance(value, timestamp_pb2.Timestamp):
            if nanos_of(value) <= 0:
                return value.ToJsonString()
            if field.name in FOLLOWING and origin is not None:
                return distance_text(field.name, (nanos_of(value) - nanos_of(origin)) / 1e9)
            return "set"
        if isinstance(value, struct_pb2.Struct):
            return json.dumps(dict(value))
        if isinstance(value, history_pb.History):  # told in full where it ends
            return "[" + ", ".join(f"{event.event_id} {event_type(event)}" for event in value.events) + "]"
        return ""

    def payload(self, value):
        """The value, and how it is encoded when that is not as usual."""
        metadata = [
            f"{key}: {bytes_text(data)}"
            for key, data in sorted(value.metadata.items())
            if (key, data) != ("encoding", b"json/plain")
        ]
        return " ".join([self.short(bytes_text(value.data)), *metadata])

    def short(self, text, field=""):
        text = self.string(text, field)
        return text if len(text) <= LONG else f"{text[:20]} and so on, {len(text)} characters"


def filled(title, parts):
    """Lines as long as they may be, the parts behind their title, broken after commas."""
    lines = [title]
    for part in ", ".join(parts).split(", ") if parts else []:
        joint = ": " if lines == [title] else ", "
        if len(lines[-1]) + len(joint) + len(part) < WIDTH:
            lines[-1] += joint + part
        else:
            lines[-1] += joint.rstrip()
            lines.append(f"    {part}")
    return lines


def unfilled(text):
    """The same with each part in a line of its own, for showing what is different."""
    lines = []
    for line in re.sub(r"([,:])\n +", r"\1 ", text).splitlines():
        indent = " " * (len(line) - len(line.lstrip()))
        head, *parts = re.split(r"(?<=[,:]) ", line.strip())
        lines += [indent + head, *(f"{indent}    {part}" for part in parts)]
    return lines


def indented(lines):
    return [f"    {line}" for line in lines]


def braced(parts):
    return "{" + ", ".join(parts) + "}"


def ends_a_task(event):
    return event_type(event) in ("WorkflowTaskCompleted", "WorkflowTaskFailed", "WorkflowTaskTimedOut")


def nanos_of(timestamp):
    return timestamp.seconds * 10**9 + timestamp.nanos


def enum_text(enum, number):
    """EVENT_TYPE_TIMER_FIRED as TIMER_FIRED; a number that the enum does not have as itself."""
    if number not in enum.values_by_number:
        return str(number)
    prefix = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", enum.name).upper() + "_"
    return enum.values_by_number[number].name.removeprefix(prefix)


def bytes_text(data):
    try:
        return data.decode()
    except UnicodeDecodeError:
        return "base64:" + base64.b64encode(data).decode()


def duration_text(field, value):
    seconds = value.seconds + value.nanos / 1e9
    if field == "first_workflow_task_backoff" and 0 < seconds < 1:
        return PART_OF_A_SECOND
    if field == "current_retry_interval":  # the distance of two points in time that were measured
        seconds = round(seconds, 1)
    return f"{seconds:g}s"


def distance_text(field, seconds):
    """Exact enough to see what was added up, and not so exact that it shows how quick the test was."""
    if field == "execution_time" and 0.001 < seconds < 1.1:
        return "+" + PART_OF_A_SECOND
    return f"{round(seconds, -1 if seconds > 90 else 0):+g}s"


def unpacked(value):
    """What is inside an Any."""
    return GetMessageClass(descriptor_pool.Default().FindMessageTypeByName(value.TypeName())).FromString(value.value)
