package stories

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// Somebody has to approve an expense: by a signal, which is only sent, or by an update, which answers.

type expense struct {
	Amount   int
	Deadline time.Duration
}

type verdict struct {
	By       string
	Approved bool
}

func approval(ctx workflow.Context, asked expense) (string, error) {
	state := "open"
	if err := workflow.SetQueryHandler(ctx, "state", func() (string, error) { return state, nil }); err != nil {
		return "", err
	}
	decide := func(v verdict) string {
		state = "rejected by " + v.By
		if v.Approved {
			state = "approved by " + v.By
		}
		return state
	}
	err := workflow.SetUpdateHandlerWithOptions(ctx, "decide",
		func(ctx workflow.Context, v verdict) (string, error) { return decide(v), nil },
		workflow.UpdateHandlerOptions{Validator: func(v verdict) error {
			if v.By == "" {
				return errors.New("who are you?")
			}
			return nil
		}})
	if err != nil {
		return "", err
	}

	timed, stop := workflow.WithCancel(ctx)
	workflow.NewSelector(ctx).
		AddReceive(workflow.GetSignalChannel(ctx, "decide"), func(c workflow.ReceiveChannel, _ bool) {
			var v verdict
			c.Receive(ctx, &v)
			decide(v)
		}).
		AddFuture(workflow.NewTimer(timed, asked.Deadline), func(workflow.Future) { state = "nobody decided" }).
		AddFuture(whenever(ctx, func() bool { return state != "open" }), func(workflow.Future) {}).
		Select(ctx)
	stop()
	return state, nil
}

// whenever is a future that is ready once the condition holds.
func whenever(ctx workflow.Context, holds func() bool) workflow.Future {
	future, set := workflow.NewFuture(ctx)
	workflow.Go(ctx, func(ctx workflow.Context) { set.Set(nil, workflow.Await(ctx, holds)) })
	return future
}

func TestApprovalBySignal(t *testing.T) {
	s := tell(t)
	s.work(approval)

	run := s.start(approval, expense{100, time.Hour})
	require.Equal(t, "open", query[string](s, run, "state"))
	s.signal(run, "decide", verdict{"Ada", true})

	require.Equal(t, "approved by Ada", result[string](s, run))
	require.Equal(t, "approved by Ada", query[string](s, run, "state"), "also of a closed workflow")
	require.Subset(t, s.events(run), []string{"TimerStarted", "TimerCanceled"})
}

func TestApprovalThatNobodyGives(t *testing.T) {
	s := tell(t)
	s.work(approval)

	require.Equal(t, "nobody decided", result[string](s, s.start(approval, expense{100, 50 * time.Millisecond})))
}

func TestASignalThatComesBeforeTheWorker(t *testing.T) {
	s := tell(t)

	run := s.start(approval, expense{100, time.Hour})
	s.signal(run, "decide", verdict{"Ada", false})
	s.work(approval)

	require.Equal(t, "rejected by Ada", result[string](s, run))
	require.Equal(t, []string{"WorkflowExecutionStarted", "WorkflowTaskScheduled", "WorkflowExecutionSignaled"},
		s.events(run)[:3])
}

func TestApprovalByUpdate(t *testing.T) {
	s := tell(t)
	s.work(approval)
	run := s.start(approval, expense{100, time.Hour})

	decide := client.UpdateWorkflowOptions{
		WorkflowID: run.GetID(), UpdateName: "decide", WaitForStage: client.WorkflowUpdateStageCompleted,
		Args: []any{verdict{"", true}},
	}
	handle, err := s.UpdateWorkflow(s.ctx, decide)
	require.NoError(t, err)
	require.ErrorContains(t, handle.Get(s.ctx, nil), "who are you?")
	decide.Args = []any{verdict{"Ada", true}}
	handle, err = s.UpdateWorkflow(s.ctx, decide)
	require.NoError(t, err)
	var answer string
	require.NoError(t, handle.Get(s.ctx, &answer))

	require.Equal(t, "approved by Ada", answer)
	require.Equal(t, "approved by Ada", result[string](s, run))
	require.Len(t, s.eventsOf(run, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED), 1, "a rejected one leaves none")
}

func TestAnUpdateIsDoneOncePerId(t *testing.T) {
	s := tell(t)
	s.work(approval)
	run := s.start(approval, expense{100, time.Hour})

	for range 2 {
		handle, err := s.UpdateWorkflow(s.ctx, client.UpdateWorkflowOptions{
			UpdateID: "the-only", WorkflowID: run.GetID(), UpdateName: "decide", Args: []any{verdict{"Ada", true}},
			WaitForStage: client.WorkflowUpdateStageAccepted,
		})
		require.NoError(t, err)
		require.NoError(t, handle.Get(s.ctx, nil))
	}
	later := s.GetWorkflowUpdateHandle(client.GetWorkflowUpdateHandleOptions{WorkflowID: run.GetID(), UpdateID: "the-only"})
	var answer string
	require.NoError(t, later.Get(s.ctx, &answer))

	require.Equal(t, "approved by Ada", answer)
	require.Len(t, s.eventsOf(run, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED), 1)
}

func TestAnUpdateStartsItsWorkflow(t *testing.T) {
	s := tell(t)
	s.work(approval)

	options := s.options()
	options.WorkflowIDConflictPolicy = enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL
	start := s.NewWithStartWorkflowOperation(options, approval, expense{100, time.Hour})
	handle, err := s.UpdateWithStartWorkflow(s.ctx, client.UpdateWithStartWorkflowOptions{
		StartWorkflowOperation: start,
		UpdateOptions: client.UpdateWorkflowOptions{
			UpdateName: "decide", Args: []any{verdict{"Ada", false}}, WaitForStage: client.WorkflowUpdateStageCompleted,
		},
	})
	require.NoError(t, err)
	var answer string
	require.NoError(t, handle.Get(s.ctx, &answer))
	run, err := start.Get(s.ctx)
	require.NoError(t, err)

	require.Equal(t, "rejected by Ada", answer)
	require.Equal(t, "rejected by Ada", result[string](s, run))
}

func TestASignalStartsItsWorkflow(t *testing.T) {
	s := tell(t)
	s.work(collecting)
	options := s.options()

	var runs []string
	for item := 1; item <= 3; item++ {
		run, err := s.SignalWithStartWorkflow(s.ctx, options.ID, "item", item, options, collecting, 3)
		require.NoError(t, err)
		runs = append(runs, run.GetRunID())
	}

	require.Equal(t, []int{1, 2, 3}, result[[]int](s, s.GetWorkflow(s.ctx, options.ID, "")))
	require.Equal(t, runs[0], runs[2])
}

// collecting returns the first items that were signalled to it.
func collecting(ctx workflow.Context, wanted int) (items []int, err error) {
	for len(items) < wanted {
		var item int
		workflow.GetSignalChannel(ctx, "item").Receive(ctx, &item)
		items = append(items, item)
	}
	return items, nil
}

func TestSignalsArriveInTheirOrder(t *testing.T) {
	s := tell(t)
	s.work(collecting)

	run := s.start(collecting, 20)
	var sent []int
	for item := range 20 {
		s.signal(run, "item", item)
		sent = append(sent, item)
	}

	require.Equal(t, sent, result[[]int](s, run))
}

func TestASignalToNobodyFails(t *testing.T) {
	s := tell(t)
	s.work(approval)
	run := s.start(approval, expense{100, time.Millisecond})
	result[string](s, run)

	require.ErrorContains(t, s.SignalWorkflow(s.ctx, run.GetID(), "", "decide", verdict{}), "already completed")
	require.ErrorContains(t, s.SignalWorkflow(s.ctx, "nobody", "", "decide", verdict{}), "not found")
}

// Queries

func counting(ctx workflow.Context) error {
	count := 0
	if err := workflow.SetQueryHandler(ctx, "plus", func(more int) (int, error) {
		if more < 0 {
			return 0, temporal.NewApplicationError("only upwards", "Negative")
		}
		return count + more, nil
	}); err != nil {
		return err
	}
	for {
		workflow.GetSignalChannel(ctx, "up").Receive(ctx, nil)
		count++
	}
}

func TestAQuerySeesTheSignalsBeforeIt(t *testing.T) {
	s := tell(t)
	s.work(counting)

	run := s.start(counting)
	for count := 1; count <= 5; count++ {
		s.signal(run, "up", nil)
		require.Equal(t, count+100, query[int](s, run, "plus", 100))
	}
}

func TestQueriesThatFail(t *testing.T) {
	s := tell(t)
	s.work(counting)
	run := s.start(counting)

	_, err := s.QueryWorkflow(s.ctx, run.GetID(), "", "plus", -1)
	require.ErrorContains(t, err, "only upwards")
	_, err = s.QueryWorkflow(s.ctx, run.GetID(), "", "minus")
	require.ErrorContains(t, err, "unknown queryType minus")
	_, err = s.QueryWorkflow(s.ctx, "nobody", "", "plus", 1)
	require.ErrorContains(t, err, "not found")
	require.NoError(t, s.TerminateWorkflow(s.ctx, run.GetID(), "", "enough"))
	answer, err := s.QueryWorkflowWithOptions(s.ctx, &client.QueryWorkflowWithOptionsRequest{
		WorkflowID: run.GetID(), QueryType: "plus", Args: []any{1},
		QueryRejectCondition: enumspb.QUERY_REJECT_CONDITION_NOT_OPEN,
	})
	require.NoError(t, err)
	require.Equal(t, enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED, answer.QueryRejected.Status)
}
