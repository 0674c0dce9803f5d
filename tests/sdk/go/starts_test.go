package stories

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

func TestAnIdThatIsInUse(t *testing.T) {
	s := tell(t)
	s.work(waiting)
	options := s.options()
	options.WorkflowExecutionErrorWhenAlreadyStarted = true
	first := s.startWith(options, waiting)

	_, err := s.ExecuteWorkflow(s.ctx, options, waiting)
	var running *serviceerror.WorkflowExecutionAlreadyStarted
	require.ErrorAs(t, err, &running)
	require.Equal(t, first.GetRunID(), running.RunId)

	options.WorkflowIDConflictPolicy = enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING
	require.Equal(t, first.GetRunID(), s.startWith(options, waiting).GetRunID())

	options.WorkflowIDConflictPolicy = enumspb.WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING
	second := s.startWith(options, waiting)
	require.NotEqual(t, first.GetRunID(), second.GetRunID())
	var terminated *temporal.TerminatedError
	require.ErrorAs(t, s.failure(first), &terminated)
	require.NoError(t, s.CancelWorkflow(s.ctx, second.GetID(), ""))
}

func TestAnIdThatWasInUse(t *testing.T) {
	s := tell(t)
	s.work(succeedsAt)
	options := s.options()
	options.WorkflowExecutionErrorWhenAlreadyStarted = true
	s.failure(s.startWith(options, succeedsAt, int32(2)))

	options.WorkflowIDReusePolicy = enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY
	require.EqualValues(t, 1, result[int32](s, s.startWith(options, succeedsAt, int32(1))), "the last one failed")
	_, err := s.ExecuteWorkflow(s.ctx, options, succeedsAt, int32(1))
	var exists *serviceerror.WorkflowExecutionAlreadyStarted
	require.ErrorAs(t, err, &exists, "the last one succeeded")

	options.WorkflowIDReusePolicy = enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE
	_, err = s.ExecuteWorkflow(s.ctx, options, succeedsAt, int32(1))
	require.ErrorAs(t, err, &exists)
}

func TestAnEagerStartNeedsNoPoll(t *testing.T) {
	s := tell(t)
	s.work(succeedsAt)
	options := s.options()
	options.EnableEagerStart = true

	run := s.startWith(options, succeedsAt, int32(1))

	require.EqualValues(t, 1, result[int32](s, run))
	started := s.eventsOf(run, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED)[0]
	require.True(t, started.GetWorkflowExecutionStartedEventAttributes().EagerExecutionAccepted)
}

func TestExecutionsThatLastTooLong(t *testing.T) {
	s := tell(t)
	s.work(waiting)
	options := s.options()
	options.WorkflowExecutionTimeout = time.Second

	run := s.startWith(options, waiting)

	var timeout *temporal.TimeoutError
	require.ErrorAs(t, s.failure(run), &timeout)
	require.Equal(t, enumspb.WORKFLOW_EXECUTION_STATUS_TIMED_OUT, s.status(run.GetID(), ""))
}

func TestTerminationCarriesItsReason(t *testing.T) {
	s := tell(t)
	run := s.start(waiting) // no worker is needed

	require.NoError(t, s.TerminateWorkflow(s.ctx, run.GetID(), "", "the shop is closed", "for good"))

	var terminated *temporal.TerminatedError
	require.ErrorAs(t, s.failure(run), &terminated)
	event := s.eventsOf(run, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED)[0]
	require.Equal(t, "the shop is closed", event.GetWorkflowExecutionTerminatedEventAttributes().Reason)
}

func TestADescriptionForPeople(t *testing.T) {
	s := tell(t)
	s.work(waiting)
	options := s.options()
	options.StaticSummary = "an **order**"
	options.StaticDetails = "of _tea_"
	options.Memo = map[string]any{"note": "fragile"}
	options.Priority = temporal.Priority{PriorityKey: 2, FairnessKey: "tea", FairnessWeight: 2.5}

	run := s.startWith(options, waiting)
	described, err := s.DescribeWorkflow(s.ctx, run.GetID(), run.GetRunID())
	require.NoError(t, err)
	summary, err := described.GetStaticSummary()
	require.NoError(t, err)
	details, err := described.GetStaticDetails()
	require.NoError(t, err)
	raw, err := s.DescribeWorkflowExecution(s.ctx, run.GetID(), run.GetRunID())
	require.NoError(t, err)

	require.Equal(t, []string{"an **order**", "of _tea_"}, []string{summary, details})
	require.JSONEq(t, `"fragile"`, string(raw.WorkflowExecutionInfo.Memo.Fields["note"].Data))
	require.EqualValues(t, 2, raw.WorkflowExecutionInfo.Priority.PriorityKey)
	require.Equal(t, "tea", raw.WorkflowExecutionInfo.Priority.FairnessKey)
	require.EqualValues(t, 2.5, raw.WorkflowExecutionInfo.Priority.FairnessWeight)
	require.NoError(t, s.CancelWorkflow(s.ctx, run.GetID(), ""))
}

// Search attributes and lists

func selling(ctx workflow.Context, who string) error {
	if err := workflow.UpsertTypedSearchAttributes(ctx, customer.ValueSet(who), amount.ValueUnset()); err != nil {
		return err
	}
	if err := workflow.UpsertMemo(ctx, map[string]any{"sold": true}); err != nil {
		return err
	}
	if value, ok := workflow.GetTypedSearchAttributes(ctx).GetKeyword(customer); !ok || value != who {
		return temporal.NewApplicationError("the workflow sees "+value, "Mismatch")
	}
	return nil
}

func TestAWorkflowDescribesItself(t *testing.T) {
	s := tell(t)
	s.work(selling)
	options := s.options()
	options.TypedSearchAttributes = temporal.NewSearchAttributes(customer.ValueSet("nobody"), amount.ValueSet(7))

	run := s.startWith(options, selling, "Grace")
	require.NoError(t, run.Get(s.ctx, nil))

	described, err := s.DescribeWorkflowExecution(s.ctx, run.GetID(), "")
	require.NoError(t, err)
	fields := described.WorkflowExecutionInfo.SearchAttributes.IndexedFields
	require.JSONEq(t, `"Grace"`, string(fields["Customer"].Data))
	require.NotContains(t, fields, "Amount")
	require.JSONEq(t, `true`, string(described.WorkflowExecutionInfo.Memo.Fields["sold"].Data))
	require.Subset(t, s.events(run), []string{"UpsertWorkflowSearchAttributes", "WorkflowPropertiesModified"})
}

func TestListsAndCounts(t *testing.T) {
	s := tell(t)
	s.work(selling)
	for range 3 {
		require.NoError(t, s.start(selling, "Hopper").Get(s.ctx, nil))
	}

	filter := `Customer = "Hopper" AND ExecutionStatus = "Completed" AND TaskQueue = "` + s.queue + `"`
	s.eventually(func() bool { // at once on Fermata, a little later on the real server
		counted, err := s.CountWorkflow(s.ctx, &workflowservice.CountWorkflowExecutionsRequest{Query: filter})
		require.NoError(t, err)
		return counted.Count == 3
	})
	var ids []string
	var page []byte
	for first := true; first || len(page) > 0; first = false {
		listed, err := s.ListWorkflow(s.ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Query: filter, PageSize: 2, NextPageToken: page,
		})
		require.NoError(t, err)
		for _, found := range listed.Executions {
			ids = append(ids, found.Execution.WorkflowId)
		}
		page = listed.NextPageToken
	}
	require.ElementsMatch(t, []string{s.Name() + "-1", s.Name() + "-2", s.Name() + "-3"}, ids)
}
