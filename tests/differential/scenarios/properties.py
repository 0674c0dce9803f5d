"""Markers, memo and search attributes: set at the start, changed by commands, carried on to other runs."""

from driver import *
from world import scenario

NIL = common_pb.Payload(metadata={"encoding": b"binary/null"})
ATTRIBUTES = dict(
    DiffKeyword="a",
    DiffKeywords=["a", "b"],
    DiffText="some words",
    DiffInt=7,
    DiffDouble=1.5,
    DiffBool=True,
    DiffDatetime="2026-01-02T03:04:05.678Z",
)


@scenario
def markers(world):
    run = world.start()
    marker = record_marker("core_local_activity", data=dict(id=1), result="done")
    attributes = marker.record_marker_command_attributes
    attributes.failure.CopyFrom(application_failure("of the marker"))
    attributes.header.CopyFrom(common_pb.Header(fields=dict(h=payload("header"))))
    run.task().complete(marker, record_marker("core_patch", patch="one"), record_marker("Version"))


@scenario
def memo_at_the_start(world):
    run = world.start(memo=dict(fields=dict(one=payload(1), nil=NIL, nothing=common_pb.Payload())))
    run.describe()


@scenario
def memo_changed(world):
    run = world.start(memo=dict(fields=dict(kept=payload(1), changed=payload(2), gone=payload(3))))
    run.task().complete(modify_memo(changed="new", added=[4]), modify_memo(gone=NIL, unknown=None))
    run.describe()
    run.signal()
    run.task().complete(modify_memo(changed=NIL), complete_workflow())


@scenario
def memo_that_is_refused(world):
    run = world.start()
    with world.refused():
        run.task().complete(modify_memo())
    large = world.start("large")
    with world.refused():
        large.task().complete(modify_memo(m="x" * (2 << 20)))


@scenario
def attributes_at_the_start(world):
    run = world.start(search_attributes=dict(indexed_fields=entries(ATTRIBUTES)))
    run.describe()
    world.start("nil", search_attributes=dict(indexed_fields=dict(DiffInt=NIL, DiffKeyword=payload("a"))))


@scenario
def attributes_at_the_start_that_are_refused(world):
    for attributes in (
        dict(NoSuchAttribute=1),
        dict(DiffInt="seven"),
        dict(DiffBool=1),
        dict(DiffDatetime="soon"),
        dict(DiffKeyword=["a", "b"]),
        dict(DiffKeyword="x" * 3000),
        dict(WorkflowId="mine"),
        dict(BuildIds=["mine"]),
        dict(TemporalChangeVersion="v"),
    ):
        with world.tried():
            world.start("-".join(attributes), search_attributes=dict(indexed_fields=entries(attributes)))


@scenario
def attributes_changed(world):
    run = world.start(search_attributes=dict(indexed_fields=entries(ATTRIBUTES)))
    run.task().complete(
        upsert_search_attributes(DiffInt=8, DiffKeyword="b"),
        upsert_search_attributes(DiffText=None, DiffKeywords=[], DiffBool=NIL),
    )
    run.describe()
    run.signal()
    run.task().complete(upsert_search_attributes(TemporalChangeVersion=["one", "two"]), complete_workflow())


@scenario
def attributes_changed_that_are_refused(world):
    for index, attributes in enumerate(
        [
            dict(),
            dict(NoSuchAttribute=1),
            dict(DiffInt="seven"),
            dict(DiffBool="yes"),
            dict(ExecutionStatus="Running"),
            dict(DiffKeyword="x" * 3000),
        ]
    ):
        run = world.start(f"wf{index}")
        with world.tried():
            run.task().complete(upsert_search_attributes(**attributes))


@scenario
def what_a_retry_takes_back(world):
    run = world.start(
        search_attributes=dict(indexed_fields=entries(dict(DiffInt=1))),
        memo=dict(fields=dict(m=payload(1))),
        retry_policy=dict(initial_interval=seconds(600)),
    )
    run.task().complete(upsert_search_attributes(DiffInt=2), modify_memo(m=2), fail_workflow())
    world.next_run(run)


@scenario(waits=True)
def what_continue_as_new_takes_along(world):
    run = world.start(
        search_attributes=dict(indexed_fields=entries(dict(DiffInt=1))), memo=dict(fields=dict(m=payload(1)))
    )
    attributes = dict(indexed_fields=entries(dict(DiffInt=3)))
    run.task().complete(
        upsert_search_attributes(DiffInt=2),
        modify_memo(m=2),
        continue_as_new(search_attributes=attributes, memo=dict(fields=dict(m=payload(3)))),
    )
    second = world.next_run(run)
    second.task().complete(upsert_search_attributes(DiffKeyword="k"), continue_as_new())
    world.next_run(second)


@scenario
def attributes_of_a_child(world):
    run = world.start("parent", search_attributes=dict(indexed_fields=entries(dict(DiffInt=1))))
    attributes = dict(indexed_fields=entries(dict(DiffInt=2)))
    run.task().complete(
        start_child(
            world.id("child"),
            world.id("child-queue"),
            search_attributes=attributes,
            memo=dict(fields=dict(m=payload(1))),
        )
    )
    child = world.child(run, "child")
    run.task().complete()
    child.task().complete(complete_workflow())
    run.task().complete()
