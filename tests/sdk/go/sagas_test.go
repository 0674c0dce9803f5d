package stories

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// A trip is booked step by step; when a step fails or the trip is cancelled, what was booked is taken back in reverse.

func book(_ context.Context, what, sold string) (string, error) {
	if what == sold {
		return "", temporal.NewNonRetryableApplicationError(what+" is sold out", "SoldOut", nil)
	}
	return what + " booked", nil
}

func cancelBooking(_ context.Context, what string) (string, error) { return what + " taken back", nil }

func trip(ctx workflow.Context, soldOut string) (log []string, err error) {
	defer func() {
		if err == nil {
			return
		}
		ctx, _ := workflow.NewDisconnectedContext(ctx) // taking back must go on when the workflow is cancelled
		for i := len(log) - 1; i >= 0; i-- {
			var done string
			if workflow.ExecuteActivity(activities(ctx), cancelBooking, log[i]).Get(ctx, &done) == nil {
				log = append(log, done)
			}
		}
		_ = workflow.SetQueryHandler(ctx, "log", func() ([]string, error) { return log, nil })
	}()
	for _, what := range []string{"flight", "hotel", "car"} {
		var done string
		if err = workflow.ExecuteActivity(activities(ctx), book, what, soldOut).Get(ctx, &done); err != nil {
			return log, err
		}
		log = append(log, done)
	}
	// Everything is booked; the customer may change their mind until they confirm.
	err = workflow.Await(ctx, func() bool { return workflow.GetSignalChannel(ctx, "confirm").Len() > 0 })
	return log, err
}

func TestASagaThatSucceeds(t *testing.T) {
	s := tell(t)
	s.work(trip, book, cancelBooking)

	run := s.start(trip, "nothing")
	s.signal(run, "confirm", nil)

	require.Equal(t, []string{"flight booked", "hotel booked", "car booked"}, result[[]string](s, run))
}

func TestASagaTakesBackWhatItDid(t *testing.T) {
	s := tell(t)
	s.work(trip, book, cancelBooking)

	run := s.start(trip, "car")

	require.ErrorContains(t, s.failure(run), "car is sold out")
	require.Equal(t, []string{"flight booked", "hotel booked", "hotel booked taken back", "flight booked taken back"},
		query[[]string](s, run, "log"))
}

func TestACancelledSagaTakesBackWhatItDid(t *testing.T) {
	s := tell(t)
	s.work(trip, book, cancelBooking)

	run := s.start(trip, "nothing")
	s.eventually(func() bool { return len(s.events(run)) == 3+3*6+1 }) // all three are booked
	require.NoError(t, s.CancelWorkflow(s.ctx, run.GetID(), ""))

	var cancelled *temporal.CanceledError
	require.ErrorAs(t, s.failure(run), &cancelled)
	require.Len(t, query[[]string](s, run, "log"), 6)
}
