package stories;

import static io.temporal.api.enums.v1.EventType.*;
import static org.junit.jupiter.api.Assertions.*;

import io.temporal.api.enums.v1.WorkflowIdConflictPolicy;
import io.temporal.client.UpdateOptions;
import io.temporal.client.WithStartWorkflowOperation;
import io.temporal.client.WorkflowClient;
import io.temporal.client.WorkflowNotFoundException;
import io.temporal.client.WorkflowQueryException;
import io.temporal.client.WorkflowStub;
import io.temporal.client.WorkflowUpdateException;
import io.temporal.client.WorkflowUpdateStage;
import io.temporal.failure.ApplicationFailure;
import io.temporal.workflow.QueryMethod;
import io.temporal.workflow.SignalMethod;
import io.temporal.workflow.UpdateMethod;
import io.temporal.workflow.UpdateValidatorMethod;
import io.temporal.workflow.Workflow;
import io.temporal.workflow.WorkflowInterface;
import io.temporal.workflow.WorkflowMethod;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Somebody has to approve: by a signal, which is only sent, or by an update, which answers. */
@ExtendWith(Story.Telling.class)
class ApprovalStories {
  @WorkflowInterface
  public interface Approval {
    @WorkflowMethod
    String run(long patienceMillis);

    @SignalMethod
    void decide(String by, boolean approved);

    @UpdateMethod
    String decideNow(String by, boolean approved);

    @UpdateValidatorMethod(updateName = "decideNow")
    void checkDecideNow(String by, boolean approved);

    @QueryMethod
    String state();
  }

  public static class AnApproval implements Approval {
    private String state = "open";

    @Override
    public String run(long patienceMillis) {
      if (!Workflow.await(Duration.ofMillis(patienceMillis), () -> !state.equals("open"))) {
        return "nobody decided";
      }
      Workflow.await(Workflow::isEveryHandlerFinished);
      return state;
    }

    @Override
    public void decide(String by, boolean approved) {
      state = (approved ? "approved by " : "rejected by ") + by;
    }

    @Override
    public String decideNow(String by, boolean approved) {
      Workflow.sleep(Duration.ofMillis(1)); // an update may take its time
      decide(by, approved);
      return state;
    }

    @Override
    public void checkDecideNow(String by, boolean approved) {
      if (by.isEmpty()) {
        throw new IllegalArgumentException("who are you?");
      }
    }

    @Override
    public String state() {
      return state;
    }
  }

  private static final long HOUR = 3_600_000;

  @Test
  void approvalBySignal(Story s) {
    s.work(AnApproval.class);
    var approval = s.workflow(Approval.class);
    WorkflowClient.start(approval::run, HOUR);
    assertEquals("open", approval.state());
    approval.decide("Ada", true);

    assertEquals("approved by Ada", Story.result(approval, String.class));
    assertEquals("approved by Ada", approval.state(), "also of a closed workflow");
    assertThrows(WorkflowNotFoundException.class, () -> approval.decide("Grace", true), "it is closed");
  }

  @Test
  void approvalThatNobodyGives(Story s) {
    s.work(AnApproval.class);

    assertEquals("nobody decided", s.workflow(Approval.class).run(50));
  }

  @Test
  void aQueryThatTheWorkflowDoesNotKnow(Story s) {
    s.work(AnApproval.class);
    var approval = s.workflow(Approval.class);
    WorkflowClient.start(approval::run, 1L);

    var workflow = WorkflowStub.fromTyped(approval);
    assertThrows(WorkflowQueryException.class, () -> workflow.query("minus", String.class));
  }

  @Test
  void approvalByUpdate(Story s) {
    s.work(AnApproval.class);
    var approval = s.workflow(Approval.class);
    var run = WorkflowClient.start(approval::run, HOUR);

    var rejected = assertThrows(WorkflowUpdateException.class, () -> approval.decideNow("", true));
    assertEquals("who are you?", ((ApplicationFailure) rejected.getCause()).getOriginalMessage());
    assertEquals("approved by Ada", approval.decideNow("Ada", true));
    assertEquals("approved by Ada", Story.result(approval, String.class));
    assertEquals(1, s.events(run, EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED).size(), "a rejected one leaves none");
  }

  @Test
  void anUpdateIsDoneOncePerId(Story s) throws Exception {
    s.work(AnApproval.class);
    var approval = s.workflow(Approval.class);
    var run = WorkflowClient.start(approval::run, HOUR);
    var workflow = WorkflowStub.fromTyped(approval);
    var once =
        UpdateOptions.newBuilder(String.class)
            .setUpdateName("decideNow")
            .setUpdateId("the-only")
            .setWaitForStage(WorkflowUpdateStage.ACCEPTED)
            .build();

    var first = workflow.startUpdate(once, "Ada", true);
    var second = workflow.startUpdate(once, "Grace", false);
    assertEquals("approved by Ada", first.getResultAsync().get());
    assertEquals("approved by Ada", second.getResultAsync().get());
    assertEquals("approved by Ada", workflow.getUpdateHandle("the-only", String.class).getResultAsync().get());
    assertEquals(1, s.events(run, EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED).size());
  }

  @Test
  void anUpdateStartsItsWorkflow(Story s) {
    s.work(AnApproval.class);
    var options =
        s.options()
            .setWorkflowIdConflictPolicy(WorkflowIdConflictPolicy.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING)
            .build();
    var approval = s.client.newWorkflowStub(Approval.class, options);

    var answer =
        WorkflowClient.executeUpdateWithStart(
            approval::decideNow,
            "Ada",
            false,
            UpdateOptions.newBuilder(String.class).build(),
            new WithStartWorkflowOperation<>(approval::run, HOUR));

    assertEquals("rejected by Ada", answer);
    assertEquals("rejected by Ada", Story.result(approval, String.class));
  }

  @Test
  void aSignalStartsItsWorkflow(Story s) {
    s.work(AnApproval.class);
    var approval = s.workflow(Approval.class);
    var batch = s.client.newSignalWithStartRequest();
    batch.add(approval::run, HOUR);
    batch.add(approval::decide, "Ada", true);

    var run = s.client.signalWithStart(batch);

    assertEquals("approved by Ada", Story.result(approval, String.class));
    assertEquals(EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED, s.types(run).get(1));
  }
}
