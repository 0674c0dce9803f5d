package stories

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

func flakyCharge(ctx context.Context, until int32) (int32, error) {
	attempt := activity.GetInfo(ctx).Attempt
	if attempt < until {
		return 0, errors.New("the bank is not answering")
	}
	return attempt, nil
}

func charging(ctx workflow.Context, until int32) (attempts int32, err error) {
	err = workflow.ExecuteActivity(activities(ctx), flakyCharge, until).Get(ctx, &attempts)
	return attempts, err
}

func TestAFailingActivityIsTriedAgain(t *testing.T) {
	s := tell(t)
	s.work(charging, flakyCharge)

	run := s.start(charging, int32(3))

	require.EqualValues(t, 3, result[int32](s, run))
	started := s.eventsOf(run, enumspb.EVENT_TYPE_ACTIVITY_TASK_STARTED)
	require.Len(t, started, 1, "attempts that failed leave no events")
	attributes := started[0].GetActivityTaskStartedEventAttributes()
	require.EqualValues(t, 3, attributes.Attempt)
	require.Equal(t, "the bank is not answering", attributes.LastFailure.Message)
}

// A file is copied in chunks; each heartbeat says how far it got, so that the next attempt goes on from there.
func copyFile(ctx context.Context, chunks int) (first int, err error) {
	if activity.HasHeartbeatDetails(ctx) {
		if err := activity.GetHeartbeatDetails(ctx, &first); err != nil {
			return 0, err
		}
	}
	for done := first + 1; done <= chunks; done++ {
		activity.RecordHeartbeat(ctx, done)
		if done == 3 && activity.GetInfo(ctx).Attempt == 1 {
			return 0, errors.New("the disk went away")
		}
	}
	return first, nil
}

func copying(ctx workflow.Context) (resumedAt int, err error) {
	err = workflow.ExecuteActivity(activities(ctx), copyFile, 5).Get(ctx, &resumedAt)
	return resumedAt, err
}

func TestHeartbeatDetailsReachTheNextAttempt(t *testing.T) {
	s := tell(t)
	s.work(copying, copyFile)

	require.Equal(t, 3, result[int](s, s.start(copying)))
}

// The usual shape of waiting for somebody else's system: an activity that asks again and again, until it is cancelled.
func pollUntilCancelled(ctx context.Context) (string, error) {
	for {
		activity.RecordHeartbeat(ctx, "still waiting")
		select {
		case <-ctx.Done():
			return "", temporal.NewCanceledError("polled in vain")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func polling(ctx workflow.Context) (string, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: time.Minute,
		HeartbeatTimeout:    time.Second,
		WaitForCancellation: true,
	})
	err := workflow.ExecuteActivity(ctx, pollUntilCancelled).Get(ctx, nil)
	var cancelled *temporal.CanceledError
	if errors.As(err, &cancelled) {
		var details string
		err = cancelled.Details(&details)
		return details, err
	}
	return "", err
}

func TestACancelledWorkflowReachesItsActivityByHeartbeat(t *testing.T) {
	s := tell(t)
	s.workOn(s.queue, worker.Options{DefaultHeartbeatThrottleInterval: 20 * time.Millisecond}, polling, pollUntilCancelled)

	run := s.start(polling)
	s.eventually(func() bool {
		described, err := s.DescribeWorkflowExecution(s.ctx, run.GetID(), "")
		require.NoError(t, err)
		pending := described.PendingActivities
		return len(pending) == 1 && len(pending[0].HeartbeatDetails.GetPayloads()) == 1
	})
	require.NoError(t, s.CancelWorkflow(s.ctx, run.GetID(), ""))

	require.Equal(t, "polled in vain", result[string](s, run))
	require.Subset(t, s.events(run), []string{"ActivityTaskCancelRequested", "ActivityTaskCanceled"})
}

func silent(ctx context.Context) error {
	<-ctx.Done() // never heartbeats, so it learns only from its own time-out
	return ctx.Err()
}

func waitingForTheSilent(ctx workflow.Context) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 5 * time.Second,
		HeartbeatTimeout:    300 * time.Millisecond,
		RetryPolicy:         &temporal.RetryPolicy{MaximumAttempts: 1},
	})
	return workflow.ExecuteActivity(ctx, silent).Get(ctx, nil)
}

func TestAnActivityWithoutHeartbeatsTimesOut(t *testing.T) {
	s := tell(t)
	s.work(waitingForTheSilent, silent)

	var timeout *temporal.TimeoutError
	require.ErrorAs(t, s.failure(s.start(waitingForTheSilent)), &timeout)
	require.Equal(t, enumspb.TIMEOUT_TYPE_HEARTBEAT, timeout.TimeoutType())
}

func nobodyIsThere(ctx workflow.Context) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:              "a queue without workers",
		ScheduleToStartTimeout: 200 * time.Millisecond,
		StartToCloseTimeout:    time.Minute,
	})
	return workflow.ExecuteActivity(ctx, "anything").Get(ctx, nil)
}

func TestAnActivityThatNobodyTakesTimesOut(t *testing.T) {
	s := tell(t)
	s.work(nobodyIsThere)

	var timeout *temporal.TimeoutError
	require.ErrorAs(t, s.failure(s.start(nobodyIsThere)), &timeout)
	require.Equal(t, enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START, timeout.TimeoutType())
}

func declined(context.Context) error {
	return temporal.NewNonRetryableApplicationError("card declined", "Declined", nil, 402, "no funds")
}

func payingWithABadCard(ctx workflow.Context) error {
	return workflow.ExecuteActivity(activities(ctx), declined).Get(ctx, nil)
}

func TestANonRetryableFailureComesThroughWithItsDetails(t *testing.T) {
	s := tell(t)
	s.work(payingWithABadCard, declined)

	err := s.failure(s.start(payingWithABadCard))

	var failed *temporal.ActivityError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, enumspb.RETRY_STATE_NON_RETRYABLE_FAILURE, failed.RetryState())
	var why *temporal.ApplicationError
	require.ErrorAs(t, err, &why)
	var code int
	var text string
	require.NoError(t, why.Details(&code, &text))
	require.Equal(t, []any{"card declined", "Declined", 402, "no funds"}, []any{why.Message(), why.Type(), code, text})
}

// Completion from outside: the activity hands its token to somebody and returns; they answer.

type clerk struct{ desk chan activity.Info }

func (c *clerk) AskClerk(ctx context.Context) (string, error) {
	c.desk <- activity.GetInfo(ctx)
	return "", activity.ErrResultPending
}

func asking(ctx workflow.Context) (answer string, err error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		ActivityID:          "ask",
		StartToCloseTimeout: 10 * time.Second,
		RetryPolicy:         &temporal.RetryPolicy{MaximumAttempts: 1},
	})
	err = workflow.ExecuteActivity(ctx, "AskClerk").Get(ctx, &answer)
	return answer, err
}

func TestAnActivityIsCompletedByItsToken(t *testing.T) {
	s := tell(t)
	c := &clerk{make(chan activity.Info, 1)}
	s.work(asking, c)

	run := s.start(asking)
	require.NoError(t, s.CompleteActivity(s.ctx, (<-c.desk).TaskToken, "granted", nil))

	require.Equal(t, "granted", result[string](s, run))
}

func TestAnActivityIsFailedByItsToken(t *testing.T) {
	s := tell(t)
	c := &clerk{make(chan activity.Info, 1)}
	s.work(asking, c)

	run := s.start(asking)
	token := (<-c.desk).TaskToken
	require.NoError(t, s.RecordActivityHeartbeat(s.ctx, token, "reading the form"))
	require.NoError(t, s.CompleteActivity(s.ctx, token, nil, errors.New("form incomplete")))

	require.ErrorContains(t, s.failure(run), "form incomplete")
	require.Error(t, s.CompleteActivity(s.ctx, token, "granted", nil), "it has been answered")
}

func TestAnActivityIsCompletedByItsId(t *testing.T) {
	s := tell(t)
	c := &clerk{make(chan activity.Info, 1)}
	s.work(asking, c)

	run := s.start(asking)
	<-c.desk
	require.NoError(t, s.RecordActivityHeartbeatByID(s.ctx, "default", run.GetID(), "", "ask", "on my way"))
	require.NoError(t, s.CompleteActivityByID(s.ctx, "default", run.GetID(), "", "ask", "granted", nil))

	require.Equal(t, "granted", result[string](s, run))
}

func TestAnActivityIsFailedByItsId(t *testing.T) {
	s := tell(t)
	c := &clerk{make(chan activity.Info, 1)}
	s.work(asking, c)

	run := s.start(asking)
	<-c.desk
	require.NoError(t, s.CompleteActivityByID(s.ctx, "default", run.GetID(), "", "ask", nil, errors.New("form incomplete")))

	require.ErrorContains(t, s.failure(run), "form incomplete")
}

func askingUntilCancelled(ctx workflow.Context) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		ActivityID: "ask", StartToCloseTimeout: time.Minute, WaitForCancellation: true,
	})
	return workflow.ExecuteActivity(ctx, "AskClerk").Get(ctx, nil)
}

func TestAnActivityIsCancelledByItsId(t *testing.T) {
	s := tell(t)
	c := &clerk{make(chan activity.Info, 1)}
	s.work(askingUntilCancelled, c)

	run := s.start(askingUntilCancelled)
	<-c.desk
	require.NoError(t, s.CancelWorkflow(s.ctx, run.GetID(), ""))
	s.eventually(func() bool { // the clerk hears of it when they report
		err := s.RecordActivityHeartbeatByID(s.ctx, "default", run.GetID(), "", "ask", "on my way")
		var cancelled *temporal.CanceledError
		return errors.As(err, &cancelled)
	})
	require.NoError(t, s.CompleteActivityByID(s.ctx, "default", run.GetID(), "", "ask", nil, temporal.NewCanceledError()))

	var cancelled *temporal.CanceledError
	require.ErrorAs(t, s.failure(run), &cancelled)
	require.Contains(t, s.events(run), "ActivityTaskCanceled")
}

// Local activities run in the workflow's worker and leave a marker only.

func rate(_ context.Context, currency string) (float64, error) {
	if currency == "dreams" {
		return 0, temporal.NewNonRetryableApplicationError("no such currency", "Unknown", nil)
	}
	return 1.5, nil
}

func converting(ctx workflow.Context, currency string) (value float64, err error) {
	ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		ScheduleToCloseTimeout: 5 * time.Second,
	})
	err = workflow.ExecuteLocalActivity(ctx, rate, currency).Get(ctx, &value)
	return value, err
}

func TestALocalActivityLeavesAMarker(t *testing.T) {
	s := tell(t)
	s.work(converting, rate)

	run := s.start(converting, "crowns")

	require.Equal(t, 1.5, result[float64](s, run))
	require.Equal(t, []string{"WorkflowExecutionStarted", "WorkflowTaskScheduled", "WorkflowTaskStarted",
		"WorkflowTaskCompleted", "MarkerRecorded", "WorkflowExecutionCompleted"}, s.events(run))
	require.ErrorContains(t, s.failure(s.start(converting, "dreams")), "no such currency")
}

// A local activity that outlasts the workflow task: the worker asks for a new task, again and again, and keeps the result.
func slowRate(ctx context.Context) (string, error) {
	select {
	case <-time.After(2700 * time.Millisecond):
		return "at last", nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func convertingSlowly(ctx workflow.Context) (value string, err error) {
	ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{StartToCloseTimeout: 5 * time.Second})
	err = workflow.ExecuteLocalActivity(ctx, slowRate).Get(ctx, &value)
	return value, err
}

func TestALocalActivityThatOutlastsItsWorkflowTask(t *testing.T) {
	s := tell(t)
	s.work(convertingSlowly, slowRate)

	options := s.options()
	options.WorkflowTaskTimeout = 3 * time.Second
	run := s.startWith(options, convertingSlowly)

	require.Equal(t, "at last", result[string](s, run))
	require.Greater(t, len(s.eventsOf(run, enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED)), 1)
}

// A session keeps several activities on one worker, because they share its disk.

type host struct{ files map[string]string }

func (h *host) Download(context.Context) (string, error) {
	h.files["f"] = "contents"
	return "f", nil
}

func (h *host) Process(_ context.Context, name string) (string, error) {
	return h.files[name] + " processed", nil
}

func onOneHost(ctx workflow.Context) (processed string, err error) {
	ctx, err = workflow.CreateSession(activities(ctx), &workflow.SessionOptions{
		CreationTimeout: 10 * time.Second, ExecutionTimeout: 20 * time.Second,
	})
	if err != nil {
		return "", err
	}
	defer workflow.CompleteSession(ctx)
	var name string
	if err = workflow.ExecuteActivity(ctx, "Download").Get(ctx, &name); err != nil {
		return "", err
	}
	err = workflow.ExecuteActivity(ctx, "Process", name).Get(ctx, &processed)
	return processed, err
}

func TestASessionStaysOnOneWorker(t *testing.T) {
	s := tell(t)
	for range 2 {
		s.workOn(s.queue, worker.Options{EnableSessionWorker: true}, onOneHost, &host{map[string]string{}})
	}

	require.Equal(t, "contents processed", result[string](s, s.start(onOneHost)))
}
