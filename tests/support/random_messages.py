"""Requests at random that a server takes seriously: field by field from the descriptors, of words that mean something to it,
among them what its own answers have said (run ids, task tokens, page tokens), and now and then of nonsense."""

import random

from google.protobuf.descriptor import FieldDescriptor as Field

# By the end of a field's name, the first that fits: words that make sense, and others. None: one that an answer has said.
NAMES = {
    "namespace": (["default"], ["other", "missing", ""]),
    "workflow_id": ([f"w{i}" for i in range(6)], ["", "x" * 1001]),
    "run_id": (["", "", None], ["no-uuid", "00000000-0000-4000-8000-000000000000"]),
    "deployment_name": (["team"], ["other-team", "a.b", "a:b", ""]),
    "series_name": (["team"], ["a.b", ""]),
    "build_id": (["v1", "v2", "v3"], ["", "v 4", "a.b"]),
    "version": (["team.v1", "team.v2", "__unversioned__"], ["team:v1", "nonsense", ""]),
    "versions": (["team.v1", "team.v2"], ["nonsense"]),
    "activity_id": ([f"a{i}" for i in range(4)], [""]),
    "timer_id": ([f"t{i}" for i in range(4)], [""]),
    "update_id": (["u0", "u1", "u2"], [""]),
    "signal_name": (["s0", "s1"], ["__temporal_x", ""]),
    "query_type": (["q", "__stack_trace"], [""]),
    "identity": (["me", "you"], [""]),
    "request_id": (["r0", "r1", "r2", None], [""]),
    "cron_schedule": ([""] * 9 + ["@every 1s"], ["no cron"]),
    "query": (
        [
            "WorkflowId = 'w1'",
            "ExecutionStatus = 'Running' AND WorkflowId STARTS_WITH 'w'",
            "TemporalWorkerDeployment = 'team' ORDER BY StartTime",
            "BuildIds IN ('unversioned', 'pinned:team:v1')",
            "GROUP BY ExecutionStatus",
        ],
        ["", "SELECT", "WorkflowId = 'w1' AND ("],
    ),
    "job_id": (["j0", "j1", "j2"], [""]),
    "protocol_instance_id": (["u0", "u1", "u2"], [""]),
    "task_queue": (["q0"], ["q1", "", "/_sys/q0/1", "x" * 1001]),
    "reason": (["because"], [""]),
    "name": (["q0", "W", "A"], ["/_sys/x", ""]),
    "id": (["i0", "u0/request", "u1/accept"], [""]),
    "type": (["A", "W"], [""]),
}
WILD = ["\0", "\u00e9\u20ac\U0001f600", "y" * 70000, "'\"\\<>&", "%s%n"]
TOKENS = ("task_token", "next_page_token", "conflict_token", "run_id", "request_id")
KEYS = ["CustomKeywordField", "BuildIds", "TemporalChangeVersion", "encoding", "key", "", "WorkflowId"]
VALUES = [b'"text"', b"5", b"null", b"[1, 2]", b"\xff\xfe", b"", b'["a"]', b"{" * 40]
NUMBERS = ([0, 1, 2, 3, 5, 10], [100, -1, 2**31 - 1, -(2**31)])
REALS = ([0.5, 10, 33.3, 100], [0, 101, -1, float("nan"), float("inf"), 1e30])
TIMES = (  # seconds and nanoseconds
    [(0, 1_000_000), (0, 50_000_000), (1, 0), (10, 0)],
    [(0, 0), (10**6, 0), (-1, 0), (0, -5), (3 * 10**11, 0), (5, 2**31 - 1), (1_800_000_000, 0)],
)
DEPTH_MAX = 7
NEEDED = (
    "namespace workflow_id task_token workflow_type activity_type task_queue name workflow_execution execution identity "
    "deployment_name build_id deployment_version activity_id timer_id signal_name query job_id reason commands input outcome "
    "request_id meta update_ref request marker_name upserted_memo failure scheduled_event_id fields indexed_fields "
    "start_to_close_timeout start_to_fire_timeout workflow_task_finish_event_id update_mask worker_versioning_mode pinned"
).split()
# Older forms, which are refused together with the newer ones, and what ends a workflow before it is interesting.
SELDOM = (
    "worker_version_stamp worker_version_capabilities deployment binary_checksum versioning_override cron_schedule nexus_header "
    "time_skipping_config links completion_callbacks workflow_start_delay search_attributes workflow_execution_timeout workflow_run_timeout"
).split()


class Requests:
    """`learn` from answers, `fill` requests. The same seed and answers make the same requests."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.learned = {name: [] for name in TOKENS}
        self.wildness = 0

    def learn(self, message):
        for field, value in message.ListFields():
            if field.message_type is not None and not field.message_type.GetOptions().map_entry:
                for part in value if field.is_repeated else [value]:
                    self.learn(part)
            elif field.name in self.learned and not field.is_repeated:
                self.learned[field.name] = [*self.learned[field.name][-7:], value]

    def request(self, kind, wildness=None):
        """A request: most make sense in all their words, some in most, few in hardly any. `wildness`: how many do not."""
        self.wildness = self.rng.choice([0, 0, 0, 0, 0.03, 0.03, 0.3]) if wildness is None else wildness
        return self.fill(kind())

    def wild(self):
        return self.rng.random() < self.wildness

    def choice(self, sense_and_nonsense):
        return self.rng.choice(sense_and_nonsense[self.wild()])

    def text(self, field):
        if self.wild() and self.wild():
            return self.rng.choice(WILD)
        name = "task_queue" if field.containing_type.name == "TaskQueue" else field.name
        for end, words in NAMES.items():
            if name.endswith(end):
                word = self.choice(words)
                return word if word is not None else self.known(end) or ""
        return self.rng.choice(["", "text", "q0", "w1"])

    def known(self, name):
        return self.rng.choice(self.learned[name]) if self.learned[name] else None

    def bytes(self, field):
        known = self.known(field.name) if field.name in self.learned and not self.wild() else None
        if known and self.wild():  # one bit of it is another
            at = self.rng.randrange(len(known))
            known = known[:at] + bytes([known[at] ^ 1 << self.rng.randrange(8)]) + known[at + 1 :]
        return known if known is not None else b"" if field.name in self.learned else self.rng.choice(VALUES)

    def scalar(self, field):
        kind = field.cpp_type
        if kind == Field.CPPTYPE_STRING:
            return self.bytes(field) if field.type == Field.TYPE_BYTES else self.text(field)
        if kind == Field.CPPTYPE_ENUM:
            numbers = [value.number for value in field.enum_type.values]
            return self.choice((numbers[1:] or numbers, [0, 99, -1]))
        if kind == Field.CPPTYPE_BOOL:
            return self.rng.random() < 0.3
        if kind in (Field.CPPTYPE_FLOAT, Field.CPPTYPE_DOUBLE):
            return self.choice(REALS)
        number = self.choice(NUMBERS)
        if kind in (Field.CPPTYPE_INT64, Field.CPPTYPE_UINT64) and self.wild():
            number = self.rng.choice([2**63 - 1, -(2**63)])
        return abs(number) % 2**31 if kind in (Field.CPPTYPE_UINT32, Field.CPPTYPE_UINT64) else number

    def fill(self, message, depth=0):
        """Sets fields of a message."""
        kind = message.DESCRIPTOR
        if kind.full_name in ("google.protobuf.Duration", "google.protobuf.Timestamp"):
            message.seconds, message.nanos = self.choice(TIMES)
            return message
        chosen = {self.rng.choice(group.fields).name for group in kind.oneofs if self.rng.random() < 0.9}
        for field in kind.fields:
            if field.containing_oneof is not None:
                if field.name in chosen:
                    self.set(message, field, depth)
            elif depth < DEPTH_MAX and self.rng.random() < self.chance(field):
                self.set(message, field, depth)
        if kind.name == "Command":
            self.agree(message)
        return message

    def chance(self, field):
        if field.name in NEEDED:
            return 1 - self.wildness
        if field.name == "deployment_options":
            return 0.6
        return 0.03 if field.name in SELDOM else 0.25 + self.wildness

    def agree(self, command):
        """A command whose type says what it holds."""
        attributes = command.WhichOneof("attributes")
        name = "COMMAND_TYPE_" + (attributes or "").removesuffix("_command_attributes").upper()
        known = command.DESCRIPTOR.fields_by_name["command_type"].enum_type.values_by_name
        if name in known and not self.wild():
            command.command_type = known[name].number

    def set(self, message, field, depth):
        value = getattr(message, field.name)
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            inner = field.message_type.fields_by_name["value"]
            for _ in range(self.rng.choice([0, 1, 1, 2])):
                key = self.rng.choice(KEYS)
                if inner.message_type is not None:
                    self.fill(value[key], depth + 1)
                else:
                    value[key] = self.scalar(inner)
        elif field.is_repeated:
            for _ in range(self.rng.choice([0, 1, 1, 1, 2, 4])):
                if field.message_type is not None:
                    self.fill(value.add(), depth + 1)
                else:
                    value.append(self.scalar(field))
        elif field.message_type is not None:
            value.SetInParent()
            self.fill(value, depth + 1)
        else:
            setattr(message, field.name, self.scalar(field))
