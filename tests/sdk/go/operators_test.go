package stories

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"google.golang.org/protobuf/types/known/durationpb"
)

// What operators do.

func TestASearchAttributeIsAddedUsedAndRemoved(t *testing.T) {
	s := tell(t)
	s.work(waiting)
	const name = "GoStoryColour"
	_, err := s.OperatorService().AddSearchAttributes(s.ctx, &operatorservice.AddSearchAttributesRequest{
		Namespace:        "default",
		SearchAttributes: map[string]enumspb.IndexedValueType{name: enumspb.INDEXED_VALUE_TYPE_KEYWORD},
	})
	require.NoError(t, err)
	listed, err := s.OperatorService().ListSearchAttributes(s.ctx, &operatorservice.ListSearchAttributesRequest{Namespace: "default"})
	require.NoError(t, err)
	require.Equal(t, enumspb.INDEXED_VALUE_TYPE_KEYWORD, listed.CustomAttributes[name])

	options := s.options()
	options.TypedSearchAttributes = temporal.NewSearchAttributes(temporal.NewSearchAttributeKeyKeyword(name).ValueSet("blue"))
	run := s.startWith(options, waiting)
	s.eventually(func() bool {
		counted, err := s.CountWorkflow(s.ctx, &workflowservice.CountWorkflowExecutionsRequest{Query: name + ` = "blue"`})
		return err == nil && counted.Count == 1
	})
	require.NoError(t, s.TerminateWorkflow(s.ctx, run.GetID(), "", "seen"))

	_, err = s.OperatorService().RemoveSearchAttributes(s.ctx, &operatorservice.RemoveSearchAttributesRequest{
		Namespace: "default", SearchAttributes: []string{name},
	})
	require.NoError(t, err)
	s.eventually(func() bool {
		_, err := s.ExecuteWorkflow(s.ctx, options, waiting)
		var invalid *serviceerror.InvalidArgument
		return errors.As(err, &invalid)
	})
}

func TestAWorkflowIsDeleted(t *testing.T) {
	s := tell(t)
	run := s.start(waiting)

	_, err := s.WorkflowService().DeleteWorkflowExecution(s.ctx, &workflowservice.DeleteWorkflowExecutionRequest{
		Namespace: "default", WorkflowExecution: execution(run),
	})
	require.NoError(t, err)

	s.eventually(func() bool {
		_, err := s.DescribeWorkflowExecution(s.ctx, run.GetID(), "")
		var gone *serviceerror.NotFound
		return errors.As(err, &gone)
	})
}

func TestAQueueKnowsItsPollers(t *testing.T) {
	s := tell(t)
	s.workOn(s.queue, worker.Options{Identity: "the one"}, waiting)

	s.eventually(func() bool {
		queue, err := s.DescribeTaskQueue(s.ctx, s.queue, enumspb.TASK_QUEUE_TYPE_WORKFLOW)
		require.NoError(t, err)
		return len(queue.Pollers) == 1 && queue.Pollers[0].Identity == "the one"
	})
}

func TestAHistoryIsReadBackwards(t *testing.T) {
	s := tell(t)
	s.work(collecting)
	run := s.start(collecting, 2)
	for item := range 2 {
		s.signal(run, "item", item)
	}
	result[[]int](s, run)

	var backwards []string
	request := &workflowservice.GetWorkflowExecutionHistoryReverseRequest{
		Namespace: "default", Execution: execution(run), MaximumPageSize: 3,
	}
	for first := true; first || len(request.NextPageToken) > 0; first = false {
		page, err := s.WorkflowService().GetWorkflowExecutionHistoryReverse(s.ctx, request)
		require.NoError(t, err)
		for _, event := range page.History.Events {
			backwards = append([]string{event.EventType.String()}, backwards...)
		}
		request.NextPageToken = page.NextPageToken
	}

	require.Equal(t, s.events(run), backwards)
}

func TestAForgottenStickyQueue(t *testing.T) {
	s := tell(t)
	s.work(collecting)
	run := s.start(collecting, 1)
	s.eventually(func() bool { return len(s.events(run)) == 4 })

	_, err := s.WorkflowService().ResetStickyTaskQueue(s.ctx, &workflowservice.ResetStickyTaskQueueRequest{
		Namespace: "default", Execution: execution(run),
	})
	require.NoError(t, err)
	s.signal(run, "item", 7)

	require.Equal(t, []int{7}, result[[]int](s, run))
	scheduled := s.eventsOf(run, enumspb.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED)[1].GetWorkflowTaskScheduledEventAttributes()
	require.Equal(t, enumspb.TASK_QUEUE_KIND_NORMAL, scheduled.TaskQueue.Kind)
}

func TestANamespaceOfOnesOwn(t *testing.T) {
	s := tell(t)
	namespaces, err := client.NewNamespaceClient(client.Options{HostPort: server.FrontendHostPort()})
	require.NoError(t, err)
	defer namespaces.Close()
	retention := &workflowservice.RegisterNamespaceRequest{
		Namespace: "stories-go", WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour),
	}
	require.NoError(t, namespaces.Register(s.ctx, retention))
	var exists *serviceerror.NamespaceAlreadyExists
	require.ErrorAs(t, namespaces.Register(s.ctx, retention), &exists)
	other, err := client.NewClientFromExisting(s.Client, client.Options{Namespace: "stories-go"})
	require.NoError(t, err)
	options := s.options()
	s.eventually(func() bool { // known everywhere at once on Fermata, a little later on the real server
		_, err := other.ExecuteWorkflow(context.Background(), options, waiting)
		return err == nil
	})

	_, err = s.DescribeWorkflowExecution(s.ctx, options.ID, "")
	require.ErrorContains(t, err, "not found", "the same id in another namespace")
}
