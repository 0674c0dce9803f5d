// Package stories is what users of the Go SDK do, each story on workers of its own and all of them on one server.
package stories

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

var (
	server *testsuite.DevServer
	quiet  = log.NewStructuredLogger(slog.New(slog.DiscardHandler))

	// Search attributes that the server is started with.
	customer = temporal.NewSearchAttributeKeyKeyword("Customer")
	amount   = temporal.NewSearchAttributeKeyInt64("Amount")
)

// TestMain launches the server that FERMATA_EXE names, by the SDK's own launcher.
func TestMain(m *testing.M) {
	exe := os.Getenv("FERMATA_EXE")
	if exe == "" {
		panic("set FERMATA_EXE to the server executable, an absolute path")
	}
	if os.Getenv("WORKFLOW_CACHE") == "off" {
		worker.SetStickyWorkflowCacheSize(0)
	}
	var err error
	server, err = testsuite.StartDevServer(context.Background(), testsuite.DevServerOptions{
		ExistingPath:     exe,
		ClientOptions:    &client.Options{Logger: quiet},
		LogLevel:         "error",
		SearchAttributes: temporal.NewSearchAttributes(customer.ValueSet(""), amount.ValueSet(0)),
		Stdout:           io.Discard, // the banner
	})
	if err != nil {
		panic(err)
	}
	code := m.Run()
	if err := server.Stop(); err != nil {
		fmt.Println("the server ended with", err)
		code = 1
	}
	os.Exit(code)
}

// Stories that have to wait for a part of the server; whoever builds it takes the call away. On the real server
// (ORACLE=1) they run.
func notBuiltYet(t *testing.T, part string) {
	if os.Getenv("ORACLE") == "" {
		fmt.Println("not built yet:", part)
		t.SkipNow()
	}
}

// A story has the client, a context that ends before the test's patience, and a task queue of its own.
type story struct {
	*testing.T
	client.Client
	ctx   context.Context
	queue string
	ids   atomic.Int32
}

func tell(t *testing.T) *story {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), 40*time.Second)
	t.Cleanup(cancel)
	return &story{T: t, Client: server.Client(), ctx: ctx, queue: t.Name()}
}

// work runs a worker with these workflows and activities until the story ends.
func (s *story) work(registered ...any) worker.Worker {
	return s.workOn(s.queue, worker.Options{}, registered...)
}

func (s *story) workOn(queue string, options worker.Options, registered ...any) worker.Worker {
	w := worker.New(s.Client, queue, options)
	for _, one := range registered {
		kind := reflect.TypeOf(one)
		if kind.Kind() == reflect.Func && kind.NumIn() > 0 && kind.In(0) == reflect.TypeFor[workflow.Context]() {
			w.RegisterWorkflow(one)
		} else {
			w.RegisterActivity(one)
		}
	}
	require.NoError(s, w.Start())
	s.Cleanup(w.Stop)
	return w
}

// options of a start: an id of this story's and its queue.
func (s *story) options() client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID:                  fmt.Sprintf("%s-%d", s.Name(), s.ids.Add(1)),
		TaskQueue:           s.queue,
		WorkflowTaskTimeout: 5 * time.Second,
	}
}

func (s *story) start(workflow any, args ...any) client.WorkflowRun {
	return s.startWith(s.options(), workflow, args...)
}

func (s *story) startWith(options client.StartWorkflowOptions, workflow any, args ...any) client.WorkflowRun {
	run, err := s.ExecuteWorkflow(s.ctx, options, workflow, args...)
	require.NoError(s, err)
	s.Cleanup(func() {
		if s.Failed() {
			s.Log(run.GetID(), strings.Join(s.events(run), " "))
		}
	})
	return run
}

func (s *story) signal(run client.WorkflowRun, name string, arg any) {
	require.NoError(s, s.SignalWorkflow(s.ctx, run.GetID(), "", name, arg))
}

// result is what the workflow returned; it must have succeeded.
func result[T any](s *story, run client.WorkflowRun) (value T) {
	require.NoError(s, run.Get(s.ctx, &value))
	return value
}

// failure is what the workflow failed with, inside the client's WorkflowExecutionError.
func (s *story) failure(run client.WorkflowRun) error {
	err := run.Get(s.ctx, nil)
	var failed *temporal.WorkflowExecutionError
	require.ErrorAs(s, err, &failed)
	return errors.Unwrap(failed)
}

func query[T any](s *story, run client.WorkflowRun, name string, args ...any) (value T) {
	answer, err := s.QueryWorkflow(s.ctx, run.GetID(), run.GetRunID(), name, args...)
	require.NoError(s, err)
	require.NoError(s, answer.Get(&value))
	return value
}

func (s *story) status(id, run string) enumspb.WorkflowExecutionStatus {
	described, err := s.DescribeWorkflowExecution(s.ctx, id, run)
	require.NoError(s, err)
	return described.WorkflowExecutionInfo.Status
}

func (s *story) history(run client.WorkflowRun) *historypb.History {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second) // failed stories want it, too
	defer cancel()
	history := &historypb.History{}
	events := s.GetWorkflowHistory(ctx, run.GetID(), run.GetRunID(), false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		require.NoError(s, err)
		history.Events = append(history.Events, event)
	}
	return history
}

// events are the names of the history's events.
func (s *story) events(run client.WorkflowRun) (names []string) {
	for _, event := range s.history(run).Events {
		names = append(names, event.EventType.String())
	}
	return names
}

// eventsOf are the history's events of one type.
func (s *story) eventsOf(run client.WorkflowRun, kind enumspb.EventType) (found []*historypb.HistoryEvent) {
	for _, event := range s.history(run).Events {
		if event.EventType == kind {
			found = append(found, event)
		}
	}
	return found
}

// eventually is for what the server shows only when it is asked.
func (s *story) eventually(is func() bool) {
	require.Eventually(s, is, 20*time.Second, 20*time.Millisecond)
}

func activities(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 10 * time.Second,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: 50 * time.Millisecond},
	})
}

func execution(run client.WorkflowRun) *commonpb.WorkflowExecution {
	return &commonpb.WorkflowExecution{WorkflowId: run.GetID(), RunId: run.GetRunID()}
}
