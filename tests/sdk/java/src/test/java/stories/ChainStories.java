package stories;

import static io.temporal.api.enums.v1.EventType.*;
import static io.temporal.api.enums.v1.WorkflowExecutionStatus.*;
import static org.junit.jupiter.api.Assertions.*;

import io.temporal.api.enums.v1.WorkflowIdConflictPolicy;
import io.temporal.api.enums.v1.WorkflowIdReusePolicy;
import io.temporal.client.WorkflowClient;
import io.temporal.client.WorkflowExecutionAlreadyStarted;
import io.temporal.client.WorkflowOptions;
import io.temporal.client.WorkflowStub;
import io.temporal.common.RetryOptions;
import io.temporal.common.SearchAttributes;
import io.temporal.failure.ApplicationFailure;
import io.temporal.failure.TerminatedFailure;
import io.temporal.failure.TimeoutFailure;
import io.temporal.workflow.SignalMethod;
import io.temporal.workflow.Workflow;
import io.temporal.workflow.WorkflowInterface;
import io.temporal.workflow.WorkflowMethod;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Runs that follow each other, how they start, and how they end. */
@ExtendWith(Story.Telling.class)
class ChainStories {
  @WorkflowInterface
  public interface Collecting {
    @WorkflowMethod
    List<Integer> collect(int wanted, List<Integer> items);

    @SignalMethod
    void item(int value);
  }

  /** Continues as new after every three items. */
  public static class ACollecting implements Collecting {
    private final List<Integer> news = new ArrayList<>();

    @Override
    public List<Integer> collect(int wanted, List<Integer> items) {
      Workflow.await(() -> news.size() >= 3 || items.size() + news.size() >= wanted);
      items.addAll(news);
      if (items.size() < wanted) {
        Workflow.newContinueAsNewStub(Collecting.class).collect(wanted, items);
      }
      return items;
    }

    @Override
    public void item(int value) {
      news.add(value);
    }
  }

  @Test
  void aLoopContinuesAsNewAndLosesNoSignal(Story s) {
    s.work(ACollecting.class);
    var collecting = s.workflow(Collecting.class);
    var first = WorkflowClient.start(collecting::collect, 10, List.of());
    var chain = s.client.newWorkflowStub(Collecting.class, first.getWorkflowId()); // whichever run is the last
    var sent = IntStream.range(0, 10).boxed().toList();
    sent.forEach(chain::item);

    assertEquals(sent, Story.result(collecting, List.class));
    if (!s.byId(first.getWorkflowId()).describe().getExecution().equals(first)) { // the first might have got all ten
      assertTrue(s.types(first).contains(EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW));
    }
  }

  @WorkflowInterface
  public interface Exam {
    @WorkflowMethod
    int pass(int wantedAttempt);
  }

  public static class AnExam implements Exam {
    @Override
    public int pass(int wantedAttempt) {
      var attempt = Workflow.getInfo().getAttempt();
      if (attempt < wantedAttempt) {
        throw ApplicationFailure.newFailure("attempt " + attempt, "Failed");
      }
      return attempt;
    }
  }

  @Test
  void aFailingWorkflowIsTriedAgain(Story s) {
    s.work(AnExam.class);
    var retry = RetryOptions.newBuilder().setInitialInterval(Duration.ofMillis(20)).setMaximumAttempts(2).build();

    assertEquals(2, s.client.newWorkflowStub(Exam.class, s.options().setRetryOptions(retry).build()).pass(2));
    var failing = s.client.newWorkflowStub(Exam.class, s.options().setRetryOptions(retry).build());
    WorkflowClient.start(failing::pass, 3);
    var why = assertInstanceOf(ApplicationFailure.class, Story.failure(WorkflowStub.fromTyped(failing)));
    assertEquals("attempt 2", why.getOriginalMessage());
  }

  @WorkflowInterface
  public interface Report {
    @WorkflowMethod
    int write();
  }

  public static class AReport implements Report {
    @Override
    public int write() {
      Integer last = Workflow.getLastCompletionResult(Integer.class);
      return last == null ? 1 : last + 1;
    }
  }

  @Test
  void aCronReportKnowsTheLastOne(Story s) throws Exception {
    s.work(AReport.class);
    var report = s.client.newWorkflowStub(Report.class, s.options().setCronSchedule("@every 1s").build());
    var first = WorkflowClient.start(report::write);
    var seen = new ArrayList<>(List.of(first.getRunId()));
    Story.eventually(
        () -> {
          var now = s.byId(first.getWorkflowId()).describe().getExecution().getRunId();
          if (!seen.contains(now)) {
            seen.add(now);
          }
          return seen.size() == 3;
        });
    s.byId(first.getWorkflowId()).terminate("enough of them");

    var second = first.toBuilder().setRunId(seen.get(1)).build();
    var end = s.events(second, EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED).get(0);
    var result = end.getWorkflowExecutionCompletedEventAttributes().getResult().getPayloads(0).getData();
    assertEquals("2", result.toStringUtf8());
  }

  // Starts

  @WorkflowInterface
  public interface Waiting {
    @WorkflowMethod
    void run();
  }

  public static class AWaiting implements Waiting {
    @Override
    public void run() {
      Workflow.sleep(Duration.ofHours(1));
    }
  }

  @Test
  void anIdThatIsInUse(Story s) {
    s.work(AWaiting.class);
    var options = s.options().build();
    var first = s.client.newUntypedWorkflowStub("Waiting", options);
    var run = first.start();

    var again = s.client.newUntypedWorkflowStub("Waiting", options);
    assertThrows(WorkflowExecutionAlreadyStarted.class, again::start);
    assertEquals(run, with(s, options, WorkflowIdConflictPolicy.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING).start());
    var second = with(s, options, WorkflowIdConflictPolicy.WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING);
    assertNotEquals(run, second.start());
    var replaced = s.client.newUntypedWorkflowStub(run.getWorkflowId(), Optional.of(run.getRunId()), Optional.empty());
    assertInstanceOf(TerminatedFailure.class, Story.failure(replaced));
    second.terminate("the story is over");
  }

  private static WorkflowStub with(Story s, WorkflowOptions options, WorkflowIdConflictPolicy policy) {
    return s.client.newUntypedWorkflowStub(
        "Waiting", options.toBuilder().setWorkflowIdConflictPolicy(policy).build());
  }

  @Test
  void anIdThatWasInUse(Story s) {
    s.work(AnExam.class);
    var options = s.options().setWorkflowIdReusePolicy(
        WorkflowIdReusePolicy.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY).build();
    var failing = s.client.newUntypedWorkflowStub("Exam", options);
    failing.start(2);
    Story.failure(failing);

    assertEquals(1, s.client.newWorkflowStub(Exam.class, options).pass(1));
    assertThrows(WorkflowExecutionAlreadyStarted.class, () -> s.client.newUntypedWorkflowStub("Exam", options).start(1));
  }

  @Test
  void anEagerStartNeedsNoPoll(Story s) {
    s.work(AnExam.class);
    var exam = s.client.newWorkflowStub(Exam.class, s.options().setDisableEagerExecution(false).build());

    assertEquals(1, exam.pass(1));
    var started = s.events(WorkflowStub.fromTyped(exam).getExecution()).get(0);
    assertTrue(started.getWorkflowExecutionStartedEventAttributes().getEagerExecutionAccepted());
  }

  @Test
  void executionsThatLastTooLong(Story s) {
    s.work(AWaiting.class);
    var options = s.options().setWorkflowExecutionTimeout(Duration.ofSeconds(1)).build();
    var workflow = s.client.newUntypedWorkflowStub("Waiting", options);
    workflow.start();

    assertInstanceOf(TimeoutFailure.class, Story.failure(workflow));
    assertEquals(WORKFLOW_EXECUTION_STATUS_TIMED_OUT, workflow.describe().getStatus());
  }

  @Test
  void aStartThatWaits(Story s) {
    s.work(AnExam.class);
    var began = System.nanoTime();
    s.client.newWorkflowStub(Exam.class, s.options().setStartDelay(Duration.ofMillis(300)).build()).pass(1);

    assertTrue(System.nanoTime() - began >= 300_000_000);
  }

  @Test
  void aDescriptionForPeople(Story s) {
    var options = s.options().setStaticSummary("an **order**").setStaticDetails("of _tea_").build();
    var workflow = s.client.newUntypedWorkflowStub("Waiting", options);
    workflow.start();

    var described = workflow.describe();
    assertEquals("an **order**", described.getStaticSummary());
    assertEquals("of _tea_", described.getStaticDetails());
    workflow.terminate("the story is over");
  }

  // Search attributes and lists

  @WorkflowInterface
  public interface Selling {
    @WorkflowMethod
    void sell(String who);
  }

  public static class ASelling implements Selling {
    @Override
    public void sell(String who) {
      Workflow.upsertTypedSearchAttributes(Story.CUSTOMER.valueSet(who), Story.AMOUNT.valueUnset());
      Workflow.upsertMemo(Map.of("sold", true));
      if (!who.equals(Workflow.getTypedSearchAttributes().get(Story.CUSTOMER))) {
        throw ApplicationFailure.newNonRetryableFailure("the workflow does not see what it has set", "Mismatch");
      }
    }
  }

  @Test
  void aWorkflowDescribesItself(Story s) {
    s.work(ASelling.class);
    var options =
        s.options()
            .setTypedSearchAttributes(
                SearchAttributes.newBuilder().set(Story.CUSTOMER, "nobody").set(Story.AMOUNT, 7L).build())
            .build();
    var selling = s.client.newWorkflowStub(Selling.class, options);
    selling.sell("Grace");

    var described = WorkflowStub.fromTyped(selling).describe();
    assertEquals("Grace", described.getTypedSearchAttributes().get(Story.CUSTOMER));
    assertFalse(described.getTypedSearchAttributes().containsKey(Story.AMOUNT));
    assertEquals(true, described.getMemo("sold", Boolean.class));
  }

  @Test
  void listsAndCounts(Story s) throws Exception {
    s.work(ASelling.class);
    var who = Story.unique("customer");
    var ids = new HashSet<String>();
    for (int i = 0; i < 3; i++) {
      var selling = s.workflow(Selling.class);
      selling.sell(who);
      ids.add(Story.idOf(selling));
    }

    var query = "Customer = '" + who + "' AND ExecutionStatus = 'Completed'";
    Story.eventually(() -> s.client.countWorkflows(query).getCount() == 3);
    var found = s.client.listExecutions(query).map(one -> one.getExecution().getWorkflowId()).toList();
    assertEquals(3, found.size());
    assertEquals(ids, new HashSet<>(found));
  }
}
