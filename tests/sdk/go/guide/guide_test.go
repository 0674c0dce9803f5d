package guide

import (
	"context"
	"os"
	"testing"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

var server *testsuite.DevServer

// TestMain launches one server for all tests of the package.
func TestMain(m *testing.M) {
	var err error
	server, err = testsuite.StartDevServer(context.Background(), testsuite.DevServerOptions{ExistingPath: os.Getenv("FERMATA")})
	if err != nil {
		panic(err)
	}
	code := m.Run()
	_ = server.Stop()
	os.Exit(code)
}

func Greeting(ctx workflow.Context, name string) (string, error) {
	err := workflow.Sleep(ctx, time.Millisecond) // a timer of the server's
	return "Hello " + name, err
}

func TestGreeting(t *testing.T) {
	w := worker.New(server.Client(), "greetings", worker.Options{})
	w.RegisterWorkflow(Greeting)
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	defer w.Stop()

	options := client.StartWorkflowOptions{TaskQueue: "greetings"}
	run, err := server.Client().ExecuteWorkflow(context.Background(), options, Greeting, "you")
	if err != nil {
		t.Fatal(err)
	}
	var answer string
	if err := run.Get(context.Background(), &answer); err != nil || answer != "Hello you" {
		t.Fatal(answer, err)
	}
}
