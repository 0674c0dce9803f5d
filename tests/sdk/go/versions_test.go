package stories

import (
	"errors"
	"math/rand"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

// A workflow "bake" that is deployed in several versions, while some of its runs are open.

func named(name string) workflow.RegisterOptions { return workflow.RegisterOptions{Name: name} }

// deploy runs a worker with this version of a workflow until it is withdrawn.
func (s *story) deploy(name string, version any) (withdraw func()) {
	w := worker.New(s.Client, s.queue, worker.Options{WorkerStopTimeout: 5 * time.Second}) // till its polls have ended
	w.RegisterWorkflowWithOptions(version, named(name))
	require.NoError(s, w.Start())
	var stopped atomic.Bool
	withdraw = func() {
		if !stopped.Swap(true) {
			w.Stop()
			worker.PurgeStickyWorkflowCache() // all workers of a process share it, and the next would find old code there
		}
	}
	s.Cleanup(withdraw)
	return withdraw
}

// impatient are options for workflows whose second workflow task will fail: the SDK leaves it to its time-out then.
func (s *story) impatient() client.StartWorkflowOptions {
	options := s.options()
	options.WorkflowTaskTimeout = 6 * time.Second
	return options
}

func bakeOld(ctx workflow.Context) (string, error) {
	workflow.GetSignalChannel(ctx, "go on").Receive(ctx, nil)
	return "white bread", workflow.Sleep(ctx, time.Millisecond)
}

func bakeNew(ctx workflow.Context) (string, error) {
	version := workflow.GetVersion(ctx, "rye", workflow.DefaultVersion, 1)
	workflow.GetSignalChannel(ctx, "go on").Receive(ctx, nil)
	if version == workflow.DefaultVersion {
		return "white bread", workflow.Sleep(ctx, time.Millisecond)
	}
	return "rye bread", nil
}

func bakeCarelessly(ctx workflow.Context) (string, error) {
	err := workflow.ExecuteActivity(activities(ctx), "heat the oven").Get(ctx, nil) // which bakeOld does not do
	if err != nil {
		return "", err
	}
	workflow.GetSignalChannel(ctx, "go on").Receive(ctx, nil)
	return "burnt bread", nil
}

func TestOpenRunsKeepTheirVersion(t *testing.T) {
	s := tell(t)
	withdraw := s.deploy("bake", bakeOld)
	old := s.start("bake")
	s.eventually(func() bool { return len(s.events(old)) == 4 })
	withdraw()

	s.deploy("bake", bakeNew)
	fresh := s.start("bake")
	s.signal(old, "go on", nil)
	s.signal(fresh, "go on", nil)

	require.Equal(t, "white bread", result[string](s, old))
	require.Equal(t, "rye bread", result[string](s, fresh))
	marker := s.eventsOf(fresh, enumspb.EVENT_TYPE_MARKER_RECORDED)[0].GetMarkerRecordedEventAttributes()
	require.Equal(t, "Version", marker.MarkerName)
	described, err := s.DescribeWorkflowExecution(s.ctx, fresh.GetID(), "")
	require.NoError(t, err)
	versions := described.WorkflowExecutionInfo.SearchAttributes.IndexedFields["TemporalChangeVersion"]
	require.JSONEq(t, `["rye-1"]`, string(versions.Data))
}

func TestADownloadedHistoryIsReplayed(t *testing.T) {
	s := tell(t)
	s.deploy("bake", bakeOld)
	run := s.start("bake")
	s.signal(run, "go on", nil)
	result[string](s, run)
	history := s.history(run)

	replay := func(version any) error {
		replayer := worker.NewWorkflowReplayer()
		replayer.RegisterWorkflowWithOptions(version, named("bake"))
		return replayer.ReplayWorkflowHistory(quiet, history)
	}
	require.NoError(t, replay(bakeOld))
	require.NoError(t, replay(bakeNew))
	require.ErrorContains(t, replay(bakeCarelessly), "nondeterministic workflow")
}

func TestABadDeployHoldsRunsUpUntilItIsRepaired(t *testing.T) {
	s := tell(t)
	withdraw := s.deploy("bake", bakeOld)
	run := s.startWith(s.impatient(), "bake")
	s.eventually(func() bool { return len(s.events(run)) == 4 })
	withdraw()

	withdraw = s.deploy("bake", bakeCarelessly)
	s.signal(run, "go on", nil)
	s.eventually(func() bool {
		failed := s.eventsOf(run, enumspb.EVENT_TYPE_WORKFLOW_TASK_FAILED)
		return len(failed) > 0 && failed[0].GetWorkflowTaskFailedEventAttributes().Cause ==
			enumspb.WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR
	})
	withdraw()
	s.deploy("bake", bakeNew)

	require.Equal(t, "white bread", result[string](s, run))
}

// Workflow code that panics does not fail its workflow: the task is tried again until the code has been repaired.
func TestAPanicIsRepairedByTheNextDeploy(t *testing.T) {
	s := tell(t)
	var tried atomic.Int32
	withdraw := s.deploy("divide", func(workflow.Context) (int, error) {
		tried.Add(1)
		panic("division by zero")
	})
	run := s.startWith(s.impatient(), "divide")
	s.eventually(func() bool { return tried.Load() >= 2 })
	withdraw()
	s.deploy("divide", func(workflow.Context) (int, error) { return 42, nil })

	require.Equal(t, 42, result[int](s, run))
	failed := s.eventsOf(run, enumspb.EVENT_TYPE_WORKFLOW_TASK_FAILED)
	require.Len(t, failed, 1, "further attempts leave no events")
	require.Contains(t, failed[0].GetWorkflowTaskFailedEventAttributes().Failure.Message, "division by zero")
}

func TestAPanicFailsTheWorkflowWhenThePolicySaysSo(t *testing.T) {
	s := tell(t)
	w := worker.New(s.Client, s.queue, worker.Options{WorkflowPanicPolicy: worker.FailWorkflow})
	w.RegisterWorkflowWithOptions(func(workflow.Context) error { panic("division by zero") }, named("divide"))
	require.NoError(t, w.Start())
	s.Cleanup(w.Stop)

	require.ErrorContains(t, s.failure(s.start("divide")), "division by zero")
}

// Signals that were sent because of the bad deploy are better left out.
func TestAResetLeavesSignalsOut(t *testing.T) {
	s := tell(t)
	s.deploy("cook", func(ctx workflow.Context) (string, error) {
		var spice string
		workflow.GetSignalChannel(ctx, "spice").Receive(ctx, &spice)
		return spice, nil
	})
	bad := s.start("cook")
	s.eventually(func() bool { return len(s.events(bad)) == 4 })
	s.signal(bad, "spice", "salt")
	require.Equal(t, "salt", result[string](s, bad))

	reset, err := s.ResetWorkflowExecution(s.ctx, &workflowservice.ResetWorkflowExecutionRequest{
		Namespace: "default", WorkflowExecution: execution(bad), Reason: "oversalted", WorkflowTaskFinishEventId: 4,
		RequestId:                "reset " + s.Name(),
		ResetReapplyExcludeTypes: []enumspb.ResetReapplyExcludeType{enumspb.RESET_REAPPLY_EXCLUDE_TYPE_SIGNAL},
	})
	require.NoError(t, err)
	require.NoError(t, s.SignalWorkflow(s.ctx, bad.GetID(), reset.RunId, "spice", "pepper"))

	require.Equal(t, "pepper", result[string](s, s.GetWorkflow(s.ctx, bad.GetID(), reset.RunId)))
}

func TestARunIsResetToBeforeABadDeploy(t *testing.T) {
	s := tell(t)
	withdraw := s.deploy("cook", func(ctx workflow.Context) (string, error) {
		workflow.GetSignalChannel(ctx, "go on").Receive(ctx, nil)
		return "", errors.New("salted twice")
	})
	bad := s.start("cook")
	s.eventually(func() bool { return len(s.events(bad)) == 4 })
	s.signal(bad, "go on", nil)
	s.failure(bad)
	withdraw()
	s.deploy("cook", func(ctx workflow.Context) (string, error) {
		workflow.GetSignalChannel(ctx, "go on").Receive(ctx, nil)
		return "soup", nil
	})

	reset, err := s.ResetWorkflowExecution(s.ctx, &workflowservice.ResetWorkflowExecutionRequest{
		Namespace: "default", WorkflowExecution: execution(bad), Reason: "a bad deploy", WorkflowTaskFinishEventId: 4,
		RequestId: "reset " + s.Name(),
	})
	require.NoError(t, err)

	good := s.GetWorkflow(s.ctx, bad.GetID(), reset.RunId)
	require.Equal(t, "soup", result[string](s, good), "the signal is applied again")
	require.NotEqual(t, bad.GetRunID(), reset.RunId)
}

// Side effects: what is not deterministic, and recorded therefore.

func lottery(ctx workflow.Context) (drawn []int, err error) {
	draw := func(workflow.Context) any { return rand.Intn(1_000_000) }
	for range 3 {
		var number int
		if err := workflow.SideEffect(ctx, draw).Get(&number); err != nil {
			return nil, err
		}
		drawn = append(drawn, number)
		if err := workflow.Sleep(ctx, time.Millisecond); err != nil {
			return nil, err
		}
	}
	return drawn, nil
}

func configured(ctx workflow.Context) (seen []string, err error) {
	level := "low"
	for _, level = range []string{"low", "low", "high", "high"} {
		var now string
		value := workflow.MutableSideEffect(ctx, "level", func(workflow.Context) any { return level },
			func(a, b any) bool { return a == b })
		if err := value.Get(&now); err != nil {
			return nil, err
		}
		seen = append(seen, now)
		if err := workflow.Sleep(ctx, time.Millisecond); err != nil {
			return nil, err
		}
	}
	return seen, nil
}

func TestSideEffectsAreRecordedOnce(t *testing.T) {
	s := tell(t)
	s.work(lottery, configured)

	drawn := s.start(lottery)
	numbers := result[[]int](s, drawn)
	seen := s.start(configured)

	require.Equal(t, []string{"low", "low", "high", "high"}, result[[]string](s, seen))
	require.Len(t, s.eventsOf(drawn, enumspb.EVENT_TYPE_MARKER_RECORDED), 3)
	require.Len(t, s.eventsOf(seen, enumspb.EVENT_TYPE_MARKER_RECORDED), 2, "only changes")
	replayer := worker.NewWorkflowReplayer()
	replayer.RegisterWorkflow(lottery)
	require.NoError(t, replayer.ReplayWorkflowHistory(quiet, s.history(drawn)), "the result is compared: %v", numbers)
}
