package stories

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// A parcel is delivered by a child of the workflow that loads the van.

func parcel(ctx workflow.Context, number int) (int, error) {
	if number < 0 {
		return 0, temporal.NewApplicationError("no such address", "Address", number)
	}
	err := workflow.Sleep(ctx, 10*time.Millisecond)
	return number * number, err
}

func van(ctx workflow.Context, parcels int) (sum int, err error) {
	var children []workflow.ChildWorkflowFuture
	for number := 1; number <= parcels; number++ {
		children = append(children, workflow.ExecuteChildWorkflow(ctx, parcel, number))
	}
	for _, child := range children {
		var square int
		if err := child.Get(ctx, &square); err != nil {
			return 0, err
		}
		sum += square
	}
	return sum, nil
}

func TestAParentWithManyChildren(t *testing.T) {
	s := tell(t)
	s.work(van, parcel)

	run := s.start(van, 50)

	require.Equal(t, 42925, result[int](s, run))
	require.Len(t, s.eventsOf(run, enumspb.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED), 50)
}

func lostParcel(ctx workflow.Context) error {
	ctx = workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID:  workflow.GetInfo(ctx).WorkflowExecution.ID + "-parcel",
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: 20 * time.Millisecond, MaximumAttempts: 3},
	})
	return workflow.ExecuteChildWorkflow(ctx, parcel, -7).Get(ctx, nil)
}

func TestAChildsFailureReachesItsParentAfterItsRetries(t *testing.T) {
	s := tell(t)
	s.work(lostParcel, parcel)

	run := s.start(lostParcel)
	err := s.failure(run)

	var failed *temporal.ChildWorkflowExecutionError
	require.ErrorAs(t, err, &failed)
	require.Contains(t, failed.Error(), run.GetID()+"-parcel")
	var why *temporal.ApplicationError
	require.ErrorAs(t, failed, &why)
	var number int
	require.NoError(t, why.Details(&number))
	require.Equal(t, []any{"no such address", "Address", -7}, []any{why.Message(), why.Type(), number})
	last := s.GetWorkflow(s.ctx, run.GetID()+"-parcel", "")
	started := s.eventsOf(last, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED)[0].GetWorkflowExecutionStartedEventAttributes()
	require.EqualValues(t, 3, started.Attempt)
	require.Equal(t, run.GetID(), started.ParentWorkflowExecution.WorkflowId)
}

// waiting ends when it is cancelled, and says so.
func waiting(ctx workflow.Context) (string, error) {
	err := workflow.Sleep(ctx, time.Hour)
	var cancelled *temporal.CanceledError
	if errors.As(err, &cancelled) {
		return "told to stop", err
	}
	return "", err
}

func fleet(ctx workflow.Context, vans int) (stopped int, err error) {
	var children []workflow.ChildWorkflowFuture
	for number := range vans {
		ctx := workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
			WorkflowID:          fmt.Sprintf("%s-van-%d", workflow.GetInfo(ctx).WorkflowExecution.ID, number),
			WaitForCancellation: true,
		})
		children = append(children, workflow.ExecuteChildWorkflow(ctx, waiting))
	}
	for _, child := range children {
		var cancelled *temporal.CanceledError
		if errors.As(child.Get(ctx, nil), &cancelled) {
			stopped++
		}
	}
	return stopped, nil
}

func TestCancellingAParentCancelsItsChildren(t *testing.T) {
	s := tell(t)
	s.work(fleet, waiting)

	run := s.start(fleet, 10)
	s.eventually(func() bool { return len(s.eventsOf(run, enumspb.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED)) == 10 })
	require.NoError(t, s.CancelWorkflow(s.ctx, run.GetID(), ""))

	require.Equal(t, 10, result[int](s, run))
	for number := range 10 {
		require.Equal(t, enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED, s.status(fmt.Sprintf("%s-van-%d", run.GetID(), number), ""))
	}
}

// What becomes of children whose parent closes.

func leaving(ctx workflow.Context) error {
	for _, policy := range []enumspb.ParentClosePolicy{
		enumspb.PARENT_CLOSE_POLICY_TERMINATE, enumspb.PARENT_CLOSE_POLICY_REQUEST_CANCEL, enumspb.PARENT_CLOSE_POLICY_ABANDON,
	} {
		ctx := workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
			WorkflowID:        workflow.GetInfo(ctx).WorkflowExecution.ID + policy.String(),
			ParentClosePolicy: policy,
		})
		if err := workflow.ExecuteChildWorkflow(ctx, waiting).GetChildWorkflowExecution().Get(ctx, nil); err != nil {
			return err
		}
	}
	return nil
}

func TestParentClosePolicies(t *testing.T) {
	s := tell(t)
	s.work(leaving, waiting)

	run := s.start(leaving)
	require.NoError(t, run.Get(s.ctx, nil))

	becomes := func(name string, status enumspb.WorkflowExecutionStatus) {
		s.eventually(func() bool { return s.status(run.GetID()+name, "") == status })
	}
	becomes("Terminate", enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED)
	becomes("RequestCancel", enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED)
	require.Equal(t, enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, s.status(run.GetID()+"Abandon", ""))
	require.NoError(t, s.TerminateWorkflow(s.ctx, run.GetID()+"Abandon", "", "the story is over"))
}

func secondOfItsName(ctx workflow.Context) (string, error) {
	ctx = workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID: workflow.GetInfo(ctx).WorkflowExecution.ID, // taken: by this workflow
	})
	err := workflow.ExecuteChildWorkflow(ctx, waiting).Get(ctx, nil)
	var taken *temporal.ChildWorkflowExecutionAlreadyStartedError
	if errors.As(err, &taken) {
		return "taken", nil
	}
	return "", err
}

func TestAChildWhoseIdIsTaken(t *testing.T) {
	s := tell(t)
	s.work(secondOfItsName, waiting)

	run := s.start(secondOfItsName)

	require.Equal(t, "taken", result[string](s, run))
	require.Contains(t, s.events(run), "StartChildWorkflowExecutionFailed")
}

func timedOutChild(ctx workflow.Context) error {
	ctx = workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{WorkflowRunTimeout: time.Second})
	return workflow.ExecuteChildWorkflow(ctx, waiting).Get(ctx, nil)
}

func TestAChildsTimeOutReachesItsParent(t *testing.T) {
	s := tell(t)
	s.work(timedOutChild, waiting)

	var timeout *temporal.TimeoutError
	require.ErrorAs(t, s.failure(s.start(timedOutChild)), &timeout)
}

// Workflows that are not each other's children.

func caller(ctx workflow.Context, other string) ([]string, error) {
	var said []string
	say := func(f workflow.Future) {
		if err := f.Get(ctx, nil); err != nil {
			said = append(said, err.Error())
		} else {
			said = append(said, "done")
		}
	}
	say(workflow.SignalExternalWorkflow(ctx, other, "", "item", 1))
	say(workflow.SignalExternalWorkflow(ctx, "nobody", "", "item", 1))
	say(workflow.RequestCancelExternalWorkflow(ctx, other, ""))
	say(workflow.RequestCancelExternalWorkflow(ctx, "nobody", ""))
	return said, nil
}

func called(ctx workflow.Context) (item int, err error) {
	workflow.GetSignalChannel(ctx, "item").Receive(ctx, &item)
	ctx.Done().Receive(ctx, nil)
	return item, nil
}

func TestOneWorkflowSignalsAndCancelsAnother(t *testing.T) {
	s := tell(t)
	s.work(caller, called)

	other := s.start(called)
	run := s.start(caller, other.GetID())

	require.Equal(t, 1, result[int](s, other))
	said := result[[]string](s, run)
	require.Equal(t, []string{"done", "done"}, []string{said[0], said[2]})
	require.Equal(t, []string{"unknown external workflow execution", "unknown external workflow execution"},
		[]string{said[1], said[3]})
	require.Subset(t, s.events(run), []string{
		"SignalExternalWorkflowExecutionInitiated", "ExternalWorkflowExecutionSignaled",
		"SignalExternalWorkflowExecutionFailed", "RequestCancelExternalWorkflowExecutionInitiated",
		"ExternalWorkflowExecutionCancelRequested", "RequestCancelExternalWorkflowExecutionFailed"})
}
