package stories;

import static org.junit.jupiter.api.Assertions.*;

import io.temporal.activity.ActivityInterface;
import io.temporal.activity.ActivityOptions;
import io.temporal.client.WorkflowClient;
import io.temporal.client.WorkflowStub;
import io.temporal.failure.ActivityFailure;
import io.temporal.failure.ApplicationFailure;
import io.temporal.failure.CanceledFailure;
import io.temporal.failure.TemporalFailure;
import io.temporal.workflow.QueryMethod;
import io.temporal.workflow.Saga;
import io.temporal.workflow.SignalMethod;
import io.temporal.workflow.Workflow;
import io.temporal.workflow.WorkflowInterface;
import io.temporal.workflow.WorkflowMethod;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** A trip is booked step by step; what was booked is taken back when a step fails, or the trip is cancelled. */
@ExtendWith(Story.Telling.class)
class SagaStories {
  @ActivityInterface
  public interface Agency {
    String book(String what, String soldOut);

    String takeBack(String what);
  }

  public static class AnAgency implements Agency {
    @Override
    public String book(String what, String soldOut) {
      if (what.equals(soldOut)) {
        throw ApplicationFailure.newNonRetryableFailure(what + " is sold out", "SoldOut");
      }
      return what + " booked";
    }

    @Override
    public String takeBack(String what) {
      return what + " taken back";
    }
  }

  @WorkflowInterface
  public interface Trip {
    @WorkflowMethod
    List<String> run(String soldOut);

    @SignalMethod
    void confirm();

    @QueryMethod
    List<String> log();
  }

  public static class ATrip implements Trip {
    private final Agency agency =
        Workflow.newActivityStub(
            Agency.class, ActivityOptions.newBuilder().setStartToCloseTimeout(Duration.ofSeconds(10)).build());
    private final List<String> log = new ArrayList<>();
    private boolean confirmed;

    @Override
    public List<String> run(String soldOut) {
      var saga = new Saga(new Saga.Options.Builder().setParallelCompensation(false).build());
      try {
        for (var what : List.of("flight", "hotel", "car")) {
          log.add(agency.book(what, soldOut));
          saga.addCompensation(() -> log.add(agency.takeBack(what)));
        }
        Workflow.await(() -> confirmed);
        return log;
      } catch (TemporalFailure failure) {
        Workflow.newDetachedCancellationScope(saga::compensate).run();
        throw failure;
      }
    }

    @Override
    public void confirm() {
      confirmed = true;
    }

    @Override
    public List<String> log() {
      return log;
    }
  }

  @Test
  void aSagaThatSucceeds(Story s) {
    s.work(ATrip.class, new AnAgency());
    var trip = s.workflow(Trip.class);
    WorkflowClient.start(trip::run, "nothing");
    trip.confirm();

    assertEquals(List.of("flight booked", "hotel booked", "car booked"), Story.result(trip, List.class));
  }

  @Test
  void aSagaTakesBackWhatItDid(Story s) {
    s.work(ATrip.class, new AnAgency());
    var trip = s.workflow(Trip.class);
    WorkflowClient.start(trip::run, "car");

    assertInstanceOf(ActivityFailure.class, Story.failure(WorkflowStub.fromTyped(trip)));
    assertEquals(List.of("flight booked", "hotel booked", "hotel taken back", "flight taken back"), trip.log());
  }

  @Test
  void aCancelledSagaTakesBackWhatItDid(Story s) throws Exception {
    s.work(ATrip.class, new AnAgency());
    var trip = s.workflow(Trip.class);
    WorkflowClient.start(trip::run, "nothing");
    Story.eventually(() -> trip.log().size() == 3);
    WorkflowStub.fromTyped(trip).cancel();

    assertInstanceOf(CanceledFailure.class, Story.failure(WorkflowStub.fromTyped(trip)));
    assertEquals(6, trip.log().size());
  }
}
