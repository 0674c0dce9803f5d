package greetings

import (
	"context"
	"os"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

var server *testsuite.DevServer

// TestMain launches one server for all tests of the package, which FERMATA names.
func TestMain(m *testing.M) {
	path := os.Getenv("FERMATA")
	if path == "" {
		panic("FERMATA is not set") // and the SDK would download another server
	}
	var err error
	server, err = testsuite.StartDevServer(context.Background(), testsuite.DevServerOptions{ExistingPath: path})
	if err != nil {
		panic(err)
	}
	code := m.Run()
	_ = server.Stop()
	os.Exit(code)
}

func Greet(context.Context, string) (string, error) {
	panic("calls the outside world")
}

func Greeting(ctx workflow.Context, name string) (answer string, err error) {
	options := workflow.ActivityOptions{StartToCloseTimeout: 10 * time.Second}
	err = workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), Greet, name).Get(ctx, &answer)
	return answer, err
}

// work runs a worker until the test ends, with the activity replaced, on a task queue of the test's own: tests share the
// server, and nothing else.
func work(t *testing.T) {
	w := worker.New(server.Client(), t.Name(), worker.Options{})
	w.RegisterWorkflow(Greeting)
	greetWithoutTheWorld := func(_ context.Context, name string) (string, error) { return "Hello " + name, nil }
	w.RegisterActivityWithOptions(greetWithoutTheWorld, activity.RegisterOptions{Name: "Greet"})
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
}

func start(t *testing.T) client.WorkflowRun {
	options := client.StartWorkflowOptions{TaskQueue: t.Name()}
	run, err := server.Client().ExecuteWorkflow(context.Background(), options, Greeting, "you")
	if err != nil {
		t.Fatal(err)
	}
	return run
}

func check(t *testing.T, run client.WorkflowRun) {
	var answer string
	if err := run.Get(context.Background(), &answer); err != nil || answer != "Hello you" {
		t.Fatal(answer, err)
	}
}

func TestGreeting(t *testing.T) {
	work(t)
	check(t, start(t))
}

func TestAWorkerComesLater(t *testing.T) {
	run := start(t)
	work(t)
	check(t, run)
}
