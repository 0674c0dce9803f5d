package stories;

import static io.temporal.api.enums.v1.EventType.*;
import static io.temporal.api.enums.v1.WorkflowExecutionStatus.*;
import static org.junit.jupiter.api.Assertions.*;

import io.temporal.api.common.v1.WorkflowExecution;
import io.temporal.api.enums.v1.ParentClosePolicy;
import io.temporal.api.enums.v1.RetryState;
import io.temporal.client.WorkflowClient;
import io.temporal.client.WorkflowStub;
import io.temporal.common.RetryOptions;
import io.temporal.failure.ApplicationFailure;
import io.temporal.failure.CanceledFailure;
import io.temporal.failure.ChildWorkflowFailure;
import io.temporal.workflow.Async;
import io.temporal.workflow.CancelExternalWorkflowException;
import io.temporal.workflow.ChildWorkflowCancellationType;
import io.temporal.workflow.ChildWorkflowOptions;
import io.temporal.workflow.Promise;
import io.temporal.workflow.SignalMethod;
import io.temporal.workflow.Workflow;
import io.temporal.workflow.WorkflowInterface;
import io.temporal.workflow.WorkflowMethod;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(Story.Telling.class)
class ChildStories {
  // A parcel is delivered by a child of the workflow that loads the van.

  @WorkflowInterface
  public interface Parcel {
    @WorkflowMethod
    int deliver(int number);
  }

  public static class AParcel implements Parcel {
    @Override
    public int deliver(int number) {
      if (number < 0) {
        throw ApplicationFailure.newFailure("no such address", "Address", number);
      }
      Workflow.sleep(Duration.ofMillis(10));
      return number * number;
    }
  }

  @WorkflowInterface
  public interface Van {
    @WorkflowMethod
    int drive(int parcels);
  }

  public static class AVan implements Van {
    @Override
    public int drive(int parcels) {
      var children =
          IntStream.rangeClosed(1, parcels)
              .mapToObj(number -> Async.function(Workflow.newChildWorkflowStub(Parcel.class)::deliver, number))
              .toList();
      Promise.allOf(children).get();
      return children.stream().mapToInt(Promise::get).sum();
    }
  }

  public static class AVanWithALostParcel implements Van {
    @Override
    public int drive(int parcels) {
      var twice = RetryOptions.newBuilder().setInitialInterval(Duration.ofMillis(20)).setMaximumAttempts(2).build();
      return Workflow.newChildWorkflowStub(
              Parcel.class, ChildWorkflowOptions.newBuilder().setRetryOptions(twice).build())
          .deliver(-7);
    }
  }

  @Test
  void aParentWithManyChildren(Story s) {
    s.work(AVan.class, AParcel.class);
    var van = s.workflow(Van.class);

    assertEquals(9455, van.drive(30));
    var run = WorkflowStub.fromTyped(van).getExecution();
    assertEquals(30, s.events(run, EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED).size());
  }

  @Test
  void aChildsFailureReachesItsParent(Story s) {
    s.work(AVanWithALostParcel.class, AParcel.class);
    var van = s.workflow(Van.class);
    WorkflowClient.start(van::drive, 1);

    var failed = assertInstanceOf(ChildWorkflowFailure.class, Story.failure(WorkflowStub.fromTyped(van)));
    assertEquals(RetryState.RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED, failed.getRetryState());
    var why = assertInstanceOf(ApplicationFailure.class, failed.getCause());
    assertEquals("no such address", why.getOriginalMessage());
    assertEquals(-7, why.getDetails().get(0, Integer.class));
  }

  // Children that wait until they are told to stop

  @WorkflowInterface
  public interface Waiting {
    @WorkflowMethod
    void run();

    @SignalMethod
    void item(int value);
  }

  public static class AWaiting implements Waiting {
    @Override
    public void run() {
      Workflow.sleep(Duration.ofHours(1));
    }

    @Override
    public void item(int value) {}
  }

  @WorkflowInterface
  public interface Fleet {
    @WorkflowMethod
    void send(int vans);
  }

  public static class AFleet implements Fleet {
    @Override
    public void send(int vans) {
      var children = new ArrayList<Promise<Void>>();
      for (int number = 0; number < vans; number++) {
        var options =
            ChildWorkflowOptions.newBuilder()
                .setWorkflowId(Workflow.getInfo().getWorkflowId() + "-" + number)
                .setCancellationType(ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED)
                .build();
        children.add(Async.procedure(Workflow.newChildWorkflowStub(Waiting.class, options)::run));
      }
      children.forEach(Promise::getFailure); // waits for all of them to end
    }
  }

  @Test
  void cancellingAParentCancelsItsChildren(Story s) throws Exception {
    s.work(AFleet.class, AWaiting.class);
    var fleet = s.workflow(Fleet.class);
    var run = WorkflowClient.start(fleet::send, 10);
    Story.eventually(() -> s.events(run, EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED).size() == 10);
    WorkflowStub.fromTyped(fleet).cancel();

    assertInstanceOf(CanceledFailure.class, Story.failure(WorkflowStub.fromTyped(fleet)));
    assertEquals(10, s.events(run, EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_CANCELED).size());
    for (int number = 0; number < 10; number++) {
      assertEquals(WORKFLOW_EXECUTION_STATUS_CANCELED, s.status(run.getWorkflowId() + "-" + number));
    }
  }

  @WorkflowInterface
  public interface Leaving {
    @WorkflowMethod
    void run();
  }

  public static class ALeaving implements Leaving {
    @Override
    public void run() {
      for (var policy :
          List.of(
              ParentClosePolicy.PARENT_CLOSE_POLICY_TERMINATE,
              ParentClosePolicy.PARENT_CLOSE_POLICY_REQUEST_CANCEL,
              ParentClosePolicy.PARENT_CLOSE_POLICY_ABANDON)) {
        var options =
            ChildWorkflowOptions.newBuilder()
                .setWorkflowId(Workflow.getInfo().getWorkflowId() + policy)
                .setParentClosePolicy(policy)
                .build();
        var child = Workflow.newChildWorkflowStub(Waiting.class, options);
        Async.procedure(child::run);
        Workflow.getWorkflowExecution(child).get();
      }
    }
  }

  @Test
  void parentClosePolicies(Story s) throws Exception {
    s.work(ALeaving.class, AWaiting.class);
    var leaving = s.workflow(Leaving.class);
    leaving.run();

    var child = Story.idOf(leaving) + "PARENT_CLOSE_POLICY_";
    Story.eventually(() -> s.status(child + "TERMINATE") == WORKFLOW_EXECUTION_STATUS_TERMINATED);
    Story.eventually(() -> s.status(child + "REQUEST_CANCEL") == WORKFLOW_EXECUTION_STATUS_CANCELED);
    assertEquals(WORKFLOW_EXECUTION_STATUS_RUNNING, s.status(child + "ABANDON"));
    s.byId(child + "ABANDON").terminate("the story is over");
  }

  // Workflows that are not each other's children

  @WorkflowInterface
  public interface Caller {
    @WorkflowMethod
    List<String> call(String other);
  }

  public static class ACaller implements Caller {
    @Override
    public List<String> call(String other) {
      var said = new ArrayList<String>();
      for (var id : List.of(other, "nobody")) {
        try {
          Workflow.newExternalWorkflowStub(Waiting.class, id).item(1);
          said.add("signalled");
        } catch (ApplicationFailure nobody) {
          said.add("nobody to signal");
        }
        try {
          Workflow.newUntypedExternalWorkflowStub(WorkflowExecution.newBuilder().setWorkflowId(id).build()).cancel();
          said.add("cancelled");
        } catch (CancelExternalWorkflowException nobody) {
          said.add("nobody to cancel");
        }
      }
      return said;
    }
  }

  @Test
  void oneWorkflowSignalsAndCancelsAnother(Story s) {
    s.work(ACaller.class, AWaiting.class);
    var other = s.workflow(Waiting.class);
    WorkflowClient.start(other::run);
    var caller = s.workflow(Caller.class);

    var said = caller.call(Story.idOf(other));
    assertEquals(List.of("signalled", "cancelled", "nobody to signal", "nobody to cancel"), said);
    assertInstanceOf(CanceledFailure.class, Story.failure(WorkflowStub.fromTyped(other)));
    var run = WorkflowStub.fromTyped(other).getExecution();
    assertEquals(1, s.events(run, EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED).size());
  }
}
