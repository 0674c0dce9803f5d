package stories;

import static io.temporal.api.enums.v1.EventType.*;
import static org.junit.jupiter.api.Assertions.*;

import io.temporal.activity.Activity;
import io.temporal.activity.ActivityCancellationType;
import io.temporal.activity.ActivityInterface;
import io.temporal.activity.ActivityOptions;
import io.temporal.activity.LocalActivityOptions;
import io.temporal.api.enums.v1.RetryState;
import io.temporal.api.enums.v1.TimeoutType;
import io.temporal.client.ActivityCanceledException;
import io.temporal.client.ActivityCompletionException;
import io.temporal.client.ActivityCompletionFailureException;
import io.temporal.client.WorkflowClient;
import io.temporal.client.WorkflowStub;
import io.temporal.common.RetryOptions;
import io.temporal.failure.ActivityFailure;
import io.temporal.failure.ApplicationFailure;
import io.temporal.failure.CanceledFailure;
import io.temporal.failure.TimeoutFailure;
import io.temporal.workflow.Workflow;
import io.temporal.workflow.WorkflowInterface;
import io.temporal.workflow.WorkflowMethod;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(Story.Telling.class)
class ActivityStories {
  @ActivityInterface
  public interface Bank {
    int charge(int until);

    void decline();

    String copyFile(int chunks);

    String poll();

    String askClerk();
  }

  public static class ABank implements Bank {
    final BlockingQueue<byte[]> desk = new LinkedBlockingQueue<>();

    /** Fails until the given attempt. */
    @Override
    public int charge(int until) {
      var attempt = Activity.getExecutionContext().getInfo().getAttempt();
      if (attempt < until) {
        throw new IllegalStateException("the bank is not answering");
      }
      return attempt;
    }

    @Override
    public void decline() {
      throw ApplicationFailure.newNonRetryableFailure("card declined", "Declined", 402, "no funds");
    }

    /** Goes on where the attempt before it stopped, which its heartbeats say. */
    @Override
    public String copyFile(int chunks) {
      var context = Activity.getExecutionContext();
      int first = context.getHeartbeatDetails(Integer.class).orElse(0);
      for (int done = first + 1; done <= chunks; done++) {
        context.heartbeat(done);
        if (done == 3 && context.getInfo().getAttempt() == 1) {
          throw new IllegalStateException("the disk went away");
        }
      }
      return "from " + first;
    }

    /** Asks again and again until it is cancelled, which a heartbeat throws. */
    @Override
    public String poll() {
      var context = Activity.getExecutionContext();
      try {
        for (;;) {
          context.heartbeat("still waiting");
          Thread.sleep(20);
        }
      } catch (InterruptedException stopped) {
        throw Activity.wrap(stopped);
      }
    }

    /** Somebody else gives the answer. */
    @Override
    public String askClerk() {
      var context = Activity.getExecutionContext();
      desk.add(context.getTaskToken());
      context.doNotCompleteOnReturn();
      return null;
    }
  }

  @WorkflowInterface
  public interface Customer {
    @WorkflowMethod
    String visit(String errand);
  }

  public static class ACustomer implements Customer {
    private final Bank bank =
        Workflow.newActivityStub(
            Bank.class,
            ActivityOptions.newBuilder()
                .setStartToCloseTimeout(Duration.ofSeconds(10))
                .setHeartbeatTimeout(Duration.ofSeconds(3))
                .setCancellationType(ActivityCancellationType.WAIT_CANCELLATION_COMPLETED)
                .setRetryOptions(RetryOptions.newBuilder().setInitialInterval(Duration.ofMillis(50)).build())
                .build());
    private final Bank atHome =
        Workflow.newLocalActivityStub(
            Bank.class,
            LocalActivityOptions.newBuilder()
                .setStartToCloseTimeout(Duration.ofSeconds(10))
                .setRetryOptions(RetryOptions.newBuilder().setInitialInterval(Duration.ofMillis(10)).setMaximumAttempts(5).build())
                .build());
    private final Bank closed =
        Workflow.newActivityStub(
            Bank.class,
            ActivityOptions.newBuilder()
                .setTaskQueue("a queue without workers")
                .setStartToCloseTimeout(Duration.ofMinutes(1))
                .setScheduleToStartTimeout(Duration.ofMillis(200))
                .build());

    @Override
    public String visit(String errand) {
      return switch (errand) {
        case "pay" -> "attempt " + bank.charge(3);
        case "pay at home" -> "attempt " + atHome.charge(3);
        case "pay with a bad card" -> {
          bank.decline();
          yield "";
        }
        case "pay at night" -> "attempt " + closed.charge(1);
        case "copy" -> bank.copyFile(5);
        case "poll" -> bank.poll();
        case "ask" -> bank.askClerk();
        default -> throw ApplicationFailure.newFailure(errand, "Unknown");
      };
    }
  }

  @Test
  void aFailingActivityIsTriedAgain(Story s) {
    s.work(ACustomer.class, new ABank());
    var customer = s.workflow(Customer.class);

    assertEquals("attempt 3", customer.visit("pay"));
    var started = s.events(WorkflowStub.fromTyped(customer).getExecution(), EVENT_TYPE_ACTIVITY_TASK_STARTED);
    assertEquals(1, started.size(), "attempts that failed leave no events");
    assertEquals(
        "the bank is not answering", started.get(0).getActivityTaskStartedEventAttributes().getLastFailure().getMessage());
  }

  @Test
  void aLocalActivityIsTriedAgainAndLeavesOneMarker(Story s) {
    s.work(ACustomer.class, new ABank());
    var customer = s.workflow(Customer.class);

    assertEquals("attempt 3", customer.visit("pay at home"));
    var run = WorkflowStub.fromTyped(customer).getExecution();
    assertEquals(1, s.events(run, EVENT_TYPE_MARKER_RECORDED).size());
    assertFalse(s.types(run).contains(EVENT_TYPE_ACTIVITY_TASK_SCHEDULED));
  }

  @Test
  void aNonRetryableFailureComesThroughWithItsDetails(Story s) {
    s.work(ACustomer.class, new ABank());
    var customer = s.workflow(Customer.class);
    WorkflowClient.start(customer::visit, "pay with a bad card");

    var failed = assertInstanceOf(ActivityFailure.class, Story.failure(WorkflowStub.fromTyped(customer)));
    assertEquals(RetryState.RETRY_STATE_NON_RETRYABLE_FAILURE, failed.getRetryState());
    var why = assertInstanceOf(ApplicationFailure.class, failed.getCause());
    assertEquals("card declined", why.getOriginalMessage());
    assertEquals(402, why.getDetails().get(0, Integer.class));
    assertEquals("no funds", why.getDetails().get(1, String.class));
  }

  @Test
  void anActivityThatNobodyTakesTimesOut(Story s) {
    s.work(ACustomer.class);
    var customer = s.workflow(Customer.class);
    WorkflowClient.start(customer::visit, "pay at night");

    var failed = assertInstanceOf(ActivityFailure.class, Story.failure(WorkflowStub.fromTyped(customer)));
    var timeout = assertInstanceOf(TimeoutFailure.class, failed.getCause());
    assertEquals(TimeoutType.TIMEOUT_TYPE_SCHEDULE_TO_START, timeout.getTimeoutType());
  }

  @Test
  void anAttemptGoesOnWhereTheLastOnesHeartbeatWas(Story s) {
    s.work(ACustomer.class, new ABank());

    assertEquals("from 3", s.workflow(Customer.class).visit("copy"));
  }

  @Test
  void aCancelledWorkflowReachesItsActivityByHeartbeat(Story s) throws Exception {
    s.work(ACustomer.class, new ABank());
    var customer = s.workflow(Customer.class);
    var run = WorkflowClient.start(customer::visit, "poll");
    var workflow = WorkflowStub.fromTyped(customer);
    Story.eventually(() -> s.types(run).contains(EVENT_TYPE_ACTIVITY_TASK_SCHEDULED));
    workflow.cancel("enough");

    assertInstanceOf(CanceledFailure.class, Story.failure(workflow));
    assertTrue(s.types(run).contains(EVENT_TYPE_ACTIVITY_TASK_CANCELED));
  }

  @Test
  void anActivityIsCompletedByItsToken(Story s) throws Exception {
    var bank = new ABank();
    s.work(ACustomer.class, bank);
    var customer = s.workflow(Customer.class);
    WorkflowClient.start(customer::visit, "ask");
    s.client.newActivityCompletionClient().complete(bank.desk.take(), "granted");

    assertEquals("granted", Story.result(customer, String.class));
  }

  @Test
  void anActivityIsCompletedByItsId(Story s) throws Exception {
    var bank = new ABank();
    s.work(ACustomer.class, bank);
    var customer = s.workflow(Customer.class);
    var id = asking(s, customer, bank);
    var answers = s.client.newActivityCompletionClient();
    answers.heartbeat(Story.idOf(customer), Optional.empty(), id, "on my way");
    answers.complete(Story.idOf(customer), Optional.empty(), id, "granted");

    assertEquals("granted", Story.result(customer, String.class));
  }

  /** A customer who asks, with the activity's id on the clerk's desk. */
  private static String asking(Story s, Customer customer, ABank bank) throws Exception {
    var run = WorkflowClient.start(customer::visit, "ask");
    bank.desk.take();
    var scheduled = s.events(run, EVENT_TYPE_ACTIVITY_TASK_SCHEDULED).get(0);
    return scheduled.getActivityTaskScheduledEventAttributes().getActivityId();
  }

  @Test
  void anActivityIsFailedByItsId(Story s) throws Exception {
    var bank = new ABank();
    s.work(ACustomer.class, bank);
    var customer = s.workflow(Customer.class);
    var id = asking(s, customer, bank);
    var broken = ApplicationFailure.newNonRetryableFailure("form incomplete", "Form");
    s.client.newActivityCompletionClient().completeExceptionally(Story.idOf(customer), Optional.empty(), id, broken);

    var why = Story.failure(WorkflowStub.fromTyped(customer)).getCause();
    assertEquals("form incomplete", assertInstanceOf(ApplicationFailure.class, why).getOriginalMessage());
  }

  @Test
  void anActivityIsCancelledByItsId(Story s) throws Exception {
    var bank = new ABank();
    s.work(ACustomer.class, bank);
    var customer = s.workflow(Customer.class);
    var id = asking(s, customer, bank);
    var clerk = s.client.newActivityCompletionClient();
    WorkflowStub.fromTyped(customer).cancel();
    Story.eventually(
        () -> {
          try {
            clerk.heartbeat(Story.idOf(customer), Optional.empty(), id, "on my way");
            return false;
          } catch (ActivityCompletionException heard) { // the clerk hears of it when they report
            // The client wraps it as it wraps failed calls.
            var why = heard instanceof ActivityCompletionFailureException ? heard.getCause() : heard;
            assertInstanceOf(ActivityCanceledException.class, why);
            return true;
          }
        });
    clerk.reportCancellation(Story.idOf(customer), Optional.empty(), id, "the form is back");

    assertInstanceOf(CanceledFailure.class, Story.failure(WorkflowStub.fromTyped(customer)));
  }
}
