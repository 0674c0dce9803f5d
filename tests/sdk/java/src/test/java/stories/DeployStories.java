package stories;

import static io.temporal.api.enums.v1.EventType.*;
import static org.junit.jupiter.api.Assertions.*;

import io.temporal.api.workflowservice.v1.ResetWorkflowExecutionRequest;
import io.temporal.client.WorkflowStub;
import io.temporal.testing.WorkflowReplayer;
import io.temporal.worker.WorkerFactory;
import io.temporal.worker.WorkerFactoryOptions;
import io.temporal.workflow.SignalMethod;
import io.temporal.workflow.Workflow;
import io.temporal.workflow.WorkflowInterface;
import io.temporal.workflow.WorkflowMethod;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** A workflow "Bake" that is deployed in several versions, while some of its runs are open. */
@ExtendWith(Story.Telling.class)
class DeployStories {
  @WorkflowInterface
  public interface Bake {
    @WorkflowMethod
    String bake();

    @SignalMethod
    void goOn();
  }

  /** What all versions have. */
  public abstract static class Baking implements Bake {
    boolean going;

    @Override
    public void goOn() {
      going = true;
    }
  }

  public static class OldBake extends Baking {
    @Override
    public String bake() {
      Workflow.await(() -> going);
      Workflow.sleep(Duration.ofMillis(1));
      return "white bread";
    }
  }

  public static class NewBake extends Baking {
    @Override
    public String bake() {
      var version = Workflow.getVersion("rye", Workflow.DEFAULT_VERSION, 1);
      Workflow.await(() -> going);
      if (version == Workflow.DEFAULT_VERSION) {
        Workflow.sleep(Duration.ofMillis(1));
        return "white bread";
      }
      return "rye bread";
    }
  }

  public static class CarelessBake extends Baking {
    @Override
    public String bake() {
      Workflow.newUntypedChildWorkflowStub("HeatTheOven").execute(Void.class); // which OldBake does not do
      return "burnt bread";
    }
  }

  public static class BrokenBake extends Baking {
    @Override
    public String bake() {
      throw new ArithmeticException("division by zero"); // a bug: fails the workflow task, not the workflow
    }
  }

  /** A run that waits for its signal, with the first of its workflow tasks done. */
  private static WorkflowStub waiting(Story s) throws Exception {
    var bake = s.client.newUntypedWorkflowStub("Bake", s.options().setWorkflowTaskTimeout(Duration.ofSeconds(6)).build());
    var run = bake.start();
    Story.eventually(() -> s.types(run).contains(EVENT_TYPE_WORKFLOW_TASK_COMPLETED));
    return bake;
  }

  private static void withdraw(WorkerFactory workers) {
    workers.shutdown();
    workers.awaitTermination(10, TimeUnit.SECONDS);
  }

  @Test
  void openRunsKeepTheirVersion(Story s) throws Exception {
    var first = s.work(OldBake.class);
    var old = waiting(s);
    withdraw(first);
    s.work(NewBake.class);
    var fresh = waiting(s);
    old.signal("goOn");
    fresh.signal("goOn");

    assertEquals("white bread", old.getResult(String.class));
    assertEquals("rye bread", fresh.getResult(String.class));
    assertTrue(s.types(fresh.getExecution()).contains(EVENT_TYPE_MARKER_RECORDED));
    assertFalse(s.types(old.getExecution()).contains(EVENT_TYPE_MARKER_RECORDED));
  }

  @Test
  void aDownloadedHistoryIsReplayed(Story s) throws Exception {
    s.work(OldBake.class);
    var bake = waiting(s);
    bake.signal("goOn");
    bake.getResult(String.class);
    var history = s.client.fetchHistory(bake.getExecution().getWorkflowId());

    WorkflowReplayer.replayWorkflowExecution(history, OldBake.class);
    WorkflowReplayer.replayWorkflowExecution(history, NewBake.class);
    assertThrows(
        RuntimeException.class, () -> WorkflowReplayer.replayWorkflowExecution(history, CarelessBake.class));
  }

  @Test
  void aBugIsRepairedByTheNextDeploy(Story s) throws Exception {
    var first = s.work(BrokenBake.class);
    var bake = s.client.newUntypedWorkflowStub("Bake", s.options().setWorkflowTaskTimeout(Duration.ofSeconds(6)).build());
    var run = bake.start();
    Story.eventually(() -> s.types(run).contains(EVENT_TYPE_WORKFLOW_TASK_FAILED));
    withdraw(first);
    s.work(OldBake.class);
    bake.signal("goOn");

    assertEquals("white bread", bake.getResult(String.class));
    var failed = s.events(run, EVENT_TYPE_WORKFLOW_TASK_FAILED);
    assertTrue(failed.get(0).getWorkflowTaskFailedEventAttributes().getFailure().toString().contains("division by zero"));
  }

  @Test
  void aRunIsResetToBeforeABadDeploy(Story s) throws Exception {
    var first = s.work(OldBake.class);
    var bad = waiting(s);
    bad.signal("goOn");
    assertEquals("white bread", bad.getResult(String.class));
    withdraw(first);
    s.work(NewBake.class);

    var request =
        ResetWorkflowExecutionRequest.newBuilder()
            .setNamespace("default")
            .setWorkflowExecution(bad.getExecution())
            .setWorkflowTaskFinishEventId(4)
            .setReason("it should have been rye")
            .setRequestId(Story.unique("reset"))
            .build();
    var reset = s.client.getWorkflowServiceStubs().blockingStub().resetWorkflowExecution(request);

    var again = s.client.newUntypedWorkflowStub(bad.getExecution().getWorkflowId(), Optional.of(reset.getRunId()), Optional.empty());
    assertEquals("rye bread", again.getResult(String.class), "the signal is applied again");
  }

  // What is not deterministic, and recorded therefore

  @WorkflowInterface
  public interface Lottery {
    @WorkflowMethod
    List<Integer> draw();
  }

  public static class ALottery implements Lottery {
    @Override
    public List<Integer> draw() {
      var numbers = new java.util.ArrayList<Integer>();
      for (int i = 0; i < 4; i++) {
        numbers.add(Workflow.sideEffect(Integer.class, () -> ThreadLocalRandom.current().nextInt(1_000_000)));
        int half = i / 2;
        numbers.add(Workflow.mutableSideEffect("half", Integer.class, (a, b) -> !a.equals(b), () -> half));
        Workflow.sleep(Duration.ofMillis(1));
      }
      return numbers;
    }
  }

  @Test
  void sideEffectsAreRecordedOnceAlsoWithoutACache(Story s) throws Exception {
    s.work(WorkerFactoryOptions.newBuilder().setWorkflowCacheSize(0).build(), ALottery.class);
    var lottery = s.workflow(Lottery.class);
    var numbers = lottery.draw();
    var run = WorkflowStub.fromTyped(lottery).getExecution();

    assertEquals(List.of(0, 0, 1, 1), List.of(numbers.get(1), numbers.get(3), numbers.get(5), numbers.get(7)));
    assertTrue(new HashSet<>(numbers).size() > 2);
    assertEquals(6, s.events(run, EVENT_TYPE_MARKER_RECORDED).size(), "four draws, two changes");
    WorkflowReplayer.replayWorkflowExecution(s.client.fetchHistory(run.getWorkflowId()), ALottery.class);
  }
}
