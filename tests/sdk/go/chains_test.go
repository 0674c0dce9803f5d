package stories

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// A subscription bills every period, and continues as a new run after some of them; signals that are in the channel by
// then are handed to the next run.

type subscription struct {
	Billed, Price int
	Runs          int
}

func billing(ctx workflow.Context, state subscription) (subscription, error) {
	state.Runs++
	prices := workflow.GetSignalChannel(ctx, "price")
	ended := workflow.GetSignalChannel(ctx, "end")
	for period := 0; period < 3; period++ {
		if err := workflow.Sleep(ctx, 10*time.Millisecond); err != nil {
			return state, err
		}
		for prices.ReceiveAsync(&state.Price) {
		}
		state.Billed += state.Price
		if ended.ReceiveAsync(nil) {
			return state, nil
		}
	}
	for prices.ReceiveAsync(&state.Price) { // or the next run would not know
	}
	if ended.ReceiveAsync(nil) {
		return state, nil
	}
	return state, workflow.NewContinueAsNewError(ctx, billing, state)
}

func TestALoopContinuesAsNewAndLosesNoSignal(t *testing.T) {
	s := tell(t)
	s.work(billing)

	options := s.options()
	options.Memo = map[string]any{"plan": "gold"}
	run := s.startWith(options, billing, subscription{Price: 1})
	first := run.GetRunID() // result moves it on
	for price := 2; price <= 30; price++ {
		s.signal(run, "price", price)
	}
	s.signal(run, "end", nil)
	end := result[subscription](s, run)

	require.Equal(t, 30, end.Price)
	last, err := s.DescribeWorkflowExecution(s.ctx, run.GetID(), "")
	require.NoError(t, err)
	require.Contains(t, last.WorkflowExecutionInfo.Memo.Fields, "plan", "the memo goes with it")
	if end.Runs > 1 {
		require.Equal(t, enumspb.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW, s.status(run.GetID(), first))
	}
}

// An album that keeps pictures in its history, until the server says that this has got too long.

func album(ctx workflow.Context, pictures int) (int, error) {
	channel := workflow.GetSignalChannel(ctx, "picture")
	if err := workflow.SetQueryHandler(ctx, "pictures", func() (int, error) { return pictures, nil }); err != nil {
		return 0, err
	}
	for !workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
		var picture []byte
		if channel.Receive(ctx, &picture); len(picture) == 0 {
			return pictures, nil
		}
		pictures++
	}
	for channel.ReceiveAsync(nil) {
		pictures++
	}
	return 0, workflow.NewContinueAsNewError(ctx, album, pictures)
}

func TestALoopContinuesAsNewWhenItIsTold(t *testing.T) {
	s := tell(t)
	s.work(album)

	run := s.start(album, 0)
	first := run.GetRunID()
	pictures := 0
	for s.status(run.GetID(), first) == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING { // 4 MiB are too long
		require.NoError(t, s.SignalWorkflow(s.ctx, run.GetID(), "", "picture", make([]byte, 1_000_000)))
		pictures++
		_, err := s.QueryWorkflow(s.ctx, run.GetID(), "", "pictures") // who sends too fast keeps it from going on
		require.NoError(t, err)
	}
	require.NoError(t, s.SignalWorkflow(s.ctx, run.GetID(), "", "picture", []byte{}))

	require.Equal(t, pictures, result[int](s, run))
	require.Equal(t, enumspb.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW, s.status(run.GetID(), first))
}

func countdown(ctx workflow.Context, left int, runs []string) ([]string, error) {
	info := workflow.GetInfo(ctx)
	if runs = append(runs, info.WorkflowExecution.RunID); left > 0 {
		return nil, workflow.NewContinueAsNewError(ctx, countdown, left-1, runs)
	}
	if info.FirstRunID != runs[0] || info.ContinuedExecutionRunID != runs[len(runs)-2] {
		return nil, fmt.Errorf("first %s, before %s of %v", info.FirstRunID, info.ContinuedExecutionRunID, runs)
	}
	return runs, nil
}

func TestARunKnowsItsForebears(t *testing.T) {
	s := tell(t)
	s.work(countdown)

	run := s.start(countdown, 4, nil)
	first := run.GetRunID()
	runs := result[[]string](s, run)

	require.Len(t, runs, 5)
	require.Equal(t, first, runs[0])
	for i, id := range runs[:4] {
		one := s.GetWorkflow(s.ctx, run.GetID(), id)
		events := s.eventsOf(one, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW)
		require.Equal(t, runs[i+1], events[0].GetWorkflowExecutionContinuedAsNewEventAttributes().NewExecutionRunId)
	}
}

func succeedsAt(ctx workflow.Context, wanted int32) (int32, error) {
	if attempt := workflow.GetInfo(ctx).Attempt; attempt < wanted {
		return 0, fmt.Errorf("attempt %d", attempt)
	}
	return wanted, nil
}

func TestAFailingWorkflowIsTriedAgain(t *testing.T) {
	s := tell(t)
	s.work(succeedsAt)
	options := s.options()
	options.RetryPolicy = &temporal.RetryPolicy{InitialInterval: 20 * time.Millisecond, MaximumAttempts: 3}

	require.EqualValues(t, 3, result[int32](s, s.startWith(options, succeedsAt, int32(3))))
	options.ID += "-again"
	require.ErrorContains(t, s.failure(s.startWith(options, succeedsAt, int32(4))), "attempt 3")
}

func report(ctx workflow.Context) (number int, err error) {
	if workflow.HasLastCompletionResult(ctx) {
		if err := workflow.GetLastCompletionResult(ctx, &number); err != nil {
			return 0, err
		}
	}
	return number + 1, nil
}

func TestACronReportKnowsTheLastOne(t *testing.T) {
	s := tell(t)
	s.work(report)
	options := s.options()
	options.CronSchedule = "@every 1s"

	first := s.startWith(options, report)
	number, next := s.reported(first)
	require.Equal(t, 1, number)
	number, next = s.reported(s.GetWorkflow(s.ctx, first.GetID(), next))
	require.Equal(t, 2, number)
	require.NoError(t, s.TerminateWorkflow(s.ctx, first.GetID(), "", "enough of them"))

	var terminated *temporal.TerminatedError
	require.ErrorAs(t, s.failure(s.GetWorkflow(s.ctx, first.GetID(), next)), &terminated)
}

// reported waits for one run of the cron to end: its number, and the run that comes next.
func (s *story) reported(run client.WorkflowRun) (number int, next string) {
	events := s.GetWorkflowHistory(s.ctx, run.GetID(), run.GetRunID(), true, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for {
		event, err := events.Next()
		require.NoError(s, err)
		if completed := event.GetWorkflowExecutionCompletedEventAttributes(); completed != nil {
			require.NoError(s, converter.GetDefaultDataConverter().FromPayloads(completed.Result, &number))
			return number, completed.NewExecutionRunId
		}
	}
}

// Timers

func race(ctx workflow.Context) error {
	var timers []workflow.Future
	for _, delay := range []int{90, 30, 60} {
		timers = append(timers, workflow.NewTimer(ctx, time.Duration(delay)*time.Millisecond))
	}
	for _, timer := range timers {
		if err := timer.Get(ctx, nil); err != nil {
			return err
		}
	}
	return nil
}

func TestTimersFireInTheirOrder(t *testing.T) {
	s := tell(t)
	s.work(race)

	run := s.start(race)
	require.NoError(t, run.Get(s.ctx, nil))

	var order []time.Duration
	started := map[int64]time.Duration{}
	for _, event := range s.history(run).Events {
		if timer := event.GetTimerStartedEventAttributes(); timer != nil {
			started[event.EventId] = timer.StartToFireTimeout.AsDuration()
		} else if timer := event.GetTimerFiredEventAttributes(); timer != nil {
			order = append(order, started[timer.StartedEventId])
		}
	}
	require.Equal(t, []time.Duration{30 * time.Millisecond, 60 * time.Millisecond, 90 * time.Millisecond}, order)
}

func patience(ctx workflow.Context) (bool, error) {
	came := false
	workflow.Go(ctx, func(ctx workflow.Context) { came = workflow.GetSignalChannel(ctx, "come").Receive(ctx, nil) })
	return workflow.AwaitWithTimeout(ctx, 100*time.Millisecond, func() bool { return came })
}

func TestPatienceThatEnds(t *testing.T) {
	s := tell(t)
	s.work(patience)

	run := s.start(patience)
	came := s.start(patience)
	s.signal(came, "come", nil)

	require.False(t, result[bool](s, run))
	require.True(t, result[bool](s, came))
}

func resetTimer(ctx workflow.Context) (moved int, err error) {
	for {
		timed, stop := workflow.WithCancel(ctx)
		var rang bool
		workflow.NewSelector(ctx).
			AddFuture(workflow.NewTimer(timed, 300*time.Millisecond), func(workflow.Future) { rang = true }).
			AddReceive(workflow.GetSignalChannel(ctx, "snooze"), func(c workflow.ReceiveChannel, _ bool) { c.Receive(ctx, nil) }).
			Select(ctx)
		stop()
		if rang {
			return moved, nil
		}
		moved++
	}
}

func TestATimerThatIsMoved(t *testing.T) {
	s := tell(t)
	s.work(resetTimer)

	run := s.start(resetTimer)
	for range 3 {
		s.signal(run, "snooze", nil)
	}

	require.Equal(t, 3, result[int](s, run))
}

func TestAStartThatWaits(t *testing.T) {
	s := tell(t)
	s.work(report)
	options := s.options()
	options.StartDelay = 300 * time.Millisecond

	began := time.Now()
	require.Equal(t, 1, result[int](s, s.startWith(options, report)))

	require.GreaterOrEqual(t, time.Since(began), options.StartDelay)
}
