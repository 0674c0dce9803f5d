"""What workflow tasks leave behind in a workflow's description, though no event says so: build ids, reset points, problems."""

import pytest
from driver import *
from versioned import AUTO_UPGRADE, NO_BEHAVIOR, PROMPT, Deployment

SERVER_FLAGS = PROMPT


def described(run):
    return run.describe().workflow_execution_info


def attribute(run, name):
    """The value of a search attribute; None when it is not there."""
    fields = described(run).search_attributes.indexed_fields
    if name not in fields:
        return None
    assert fields[name].metadata == {"encoding": b"json/plain", "type": b"KeywordList"}
    return value_of(fields[name])


def points(run):
    return [
        (point.build_id, point.binary_checksum, point.first_workflow_task_completed_id)
        for point in described(run).auto_reset_points.points
    ]


def complete(run, *commands, **fields):
    run.task().complete(*commands, **fields)
    if not commands:
        run.signal()


def stamp(build_id):
    return dict(worker_version_stamp=dict(build_id=build_id))


# Build ids and reset points


def test_each_build_id_is_noted_once_and_the_last_one_shown(server):
    run = server.start()
    assert attribute(run, "BuildIds") is None and not described(run).HasField("most_recent_worker_version_stamp")
    complete(run, **stamp("b1"))
    complete(run, **stamp('"b<2>"\n\\é'))
    complete(run, **stamp("b1"))
    assert attribute(run, "BuildIds") == ["unversioned", "unversioned:b1", 'unversioned:"b<2>"\n\\é']
    assert described(run).most_recent_worker_version_stamp.build_id == "b1"
    complete(run)
    assert not described(run).HasField("most_recent_worker_version_stamp")


def test_build_ids_beyond_the_size_of_an_attribute_push_out_the_oldest(server):
    run = server.start()
    build_ids = [f"{n}" * 255 for n in range(8)]  # the longest that are taken; seven of them fit into 2 KiB
    for build_id in build_ids:
        complete(run, **stamp(build_id))
    assert attribute(run, "BuildIds") == ["unversioned"] + [f"unversioned:{build_id}" for build_id in build_ids[1:]]


def test_a_build_id_is_listed_beside_attributes_that_the_client_has_set(server):
    attributes = dict(indexed_fields={"CustomKeywordField": payload("x")})
    try:
        server.call("AddSearchAttributes", search_attributes={"CustomKeywordField": "INDEXED_VALUE_TYPE_KEYWORD"})
    except grpc.RpcError:
        attributes = None
    run = server.start(search_attributes=attributes)
    complete(run)
    assert attribute(run, "BuildIds") == ["unversioned"]
    if attributes:
        assert value_of(described(run).search_attributes.indexed_fields["CustomKeywordField"]) == "x"


def test_a_reset_point_for_each_pair_of_checksum_and_build_id(server):
    run = server.start()
    complete(run, binary_checksum="c1", **stamp("b1"))
    complete(run, binary_checksum="c1", **stamp("b2"))
    complete(run, binary_checksum="c1", **stamp("b1"))
    complete(run)
    assert points(run) == [("b1", "c1", 4), ("b2", "c1", 8), ("", "", 16)]
    assert attribute(run, "BinaryChecksums") == ["c1", "c1"]
    (first, *_) = described(run).auto_reset_points.points
    assert first.run_id == run.run_id and first.resettable and not first.HasField("expire_time")
    assert first.create_time.seconds in (run.events()[3].event_time.seconds, run.events()[3].event_time.seconds + 1)


def test_a_reset_point_is_not_resettable_while_a_child_is_pending(server):
    run = server.start()
    child = dict(workflow_id=unique("child"), workflow_type=dict(name="child"), task_queue=dict(name=unique("queue")))
    command = command_pb.Command(
        command_type="COMMAND_TYPE_START_CHILD_WORKFLOW_EXECUTION",
        start_child_workflow_execution_command_attributes=child,
    )
    complete(run, command, **stamp("b1"))
    complete(run, **stamp("b2"))
    assert [point.resettable for point in described(run).auto_reset_points.points] == [True, False]


def test_the_newest_twenty_reset_points_are_kept(server):
    run = server.start()
    for n in range(22):
        complete(run, **stamp(f"b{n}"))
    assert [build_id for build_id, _, _ in points(run)] == [f"b{n}" for n in range(2, 22)]


def test_reset_points_go_on_to_the_run_that_continues(server):
    run = server.start()
    complete(run, **stamp("b1"))
    complete(run, continue_as_new(), **stamp("b1"))
    new = run.other(attributes_of(run.events()[-1]).new_execution_run_id)
    started = new.events()[0]
    (point,) = described(new).auto_reset_points.points
    assert list(attributes_of(started).prev_auto_reset_points.points) == [point]
    assert (point.run_id, point.build_id, point.first_workflow_task_completed_id) == (run.run_id, "b1", 4)
    expires = point.expire_time.ToNanoseconds() - started.event_time.ToNanoseconds()
    assert abs(expires - 24 * 3600 * 10**9) < 10**9  # the namespace's retention
    assert attribute(new, "BuildIds") is None and not described(new).HasField("most_recent_worker_version_stamp")
    complete(new, **stamp("b1"))
    assert points(new) == [("b1", "", 4)]  # the pair is known already
    complete(new, **stamp("b2"))
    assert [point.run_id for point in described(new).auto_reset_points.points] == [run.run_id, new.run_id]


@pytest.mark.parametrize("behavior, first", [(AUTO_UPGRADE, []), (NO_BEHAVIOR, ["unversioned"])])
def test_the_build_ids_of_a_run_whose_version_changes(server, behavior, first):
    """A build id is there when its worker has completed a task, not when that begins; nothing else is counted for it."""
    team, queue = Deployment(server, unique("team")), unique("queue")
    team.has("1", queue)
    team.has("2", queue)
    team.set_current("1")
    run = server.start(task_queue=dict(name=queue))
    team.worker("1", behavior).step(run, **stamp("1"))
    seen = [(attribute(run, "BuildIds"), described(run).state_transition_count)]
    team.set_current("2")
    run.signal()
    task = team.worker("2", behavior).task(run)
    seen.append((attribute(run, "BuildIds"), described(run).state_transition_count))
    task.complete(complete_workflow(), **stamp("2"))
    seen.append((attribute(run, "BuildIds"), described(run).state_transition_count))
    by_1, by_2 = [*first, "unversioned:1"], [*first, "unversioned:1", "unversioned:2"]
    assert seen == [(by_1, 3), (by_1, 5), (by_2, 6)]


# Problems


def test_five_failures_in_a_row_are_reported_until_a_task_succeeds(server):
    run = server.start()
    for n in range(5):
        assert attribute(run, "TemporalReportedProblems") is None
        run.task().fail()
    problem = ["category=WorkflowTaskFailed", "cause=WorkflowTaskFailedCauseWorkflowWorkerUnhandledFailure"]
    assert attribute(run, "TemporalReportedProblems") == problem
    run.task().fail(cause="WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR")
    assert attribute(run, "TemporalReportedProblems") == problem  # of the last failure that is an event
    run.task().complete()
    assert attribute(run, "TemporalReportedProblems") is None
    run.signal()
    run.task().fail()
    assert attribute(run, "TemporalReportedProblems") is None


def test_failures_of_a_worker_with_a_sticky_queue_do_not_count(server):
    run = server.start()
    queue = dict(name=unique("sticky"), kind="TASK_QUEUE_KIND_STICKY", normal_name=run.queue)
    run.task().complete(sticky_attributes=dict(worker_task_queue=queue, schedule_to_start_timeout=seconds(10)))
    with polling(run.task_later(task_queue=queue)) as poll:
        run.signal()
        Task(run, poll.result()).fail()
    for _ in range(4):
        run.task().fail()
    assert attribute(run, "TemporalReportedProblems") is None
    run.task().fail()
    assert attribute(run, "TemporalReportedProblems") is not None


def test_five_timeouts_in_a_row_are_reported(server):
    run = server.start(workflow_task_timeout=seconds(0.2))
    for _ in range(5):
        run.task(timeout=30)
    run.task(timeout=30)
    problem = ["category=WorkflowTaskTimedOut", "cause=WorkflowTaskTimedOutCauseStartToClose"]
    assert attribute(run, "TemporalReportedProblems") == problem
