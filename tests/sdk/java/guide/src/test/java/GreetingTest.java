import static org.junit.jupiter.api.Assertions.assertEquals;

import io.temporal.activity.ActivityInterface;
import io.temporal.activity.ActivityOptions;
import io.temporal.client.WorkflowClient;
import io.temporal.client.WorkflowOptions;
import io.temporal.client.WorkflowStub;
import io.temporal.testing.TemporalDevServerOptions;
import io.temporal.testing.TestWorkflowEnvironment;
import io.temporal.testing.TestWorkflowExtension;
import io.temporal.worker.Worker;
import io.temporal.workflow.Workflow;
import io.temporal.workflow.WorkflowInterface;
import io.temporal.workflow.WorkflowMethod;
import java.time.Duration;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** A workflow with its activity replaced, and one that waits until a worker comes. */
class GreetingTest {
  @ActivityInterface
  public interface Greeter {
    String greet(String name);
  }

  @WorkflowInterface
  public interface Greeting {
    @WorkflowMethod
    String run(String name);
  }

  public static class GreetingWorkflow implements Greeting {
    private final Greeter greeter =
        Workflow.newActivityStub(
            Greeter.class,
            ActivityOptions.newBuilder().setStartToCloseTimeout(Duration.ofSeconds(10)).build());

    @Override
    public String run(String name) {
      return greeter.greet(name);
    }
  }

  /** A server, a task queue and a worker for each test; the server is what FERMATA names. */
  @RegisterExtension
  static final TestWorkflowExtension TEMPORAL =
      TestWorkflowExtension.newBuilder()
          .useDevServer(
              TemporalDevServerOptions.newBuilder()
                  .setExistingPath(Objects.requireNonNull(System.getenv("FERMATA"), "FERMATA is not set"))
                  .build())
          .registerWorkflowImplementationTypes(GreetingWorkflow.class)
          .setActivityImplementations((Greeter) name -> "Hello " + name)
          .setDoNotStart(true)
          .build();

  @Test
  void aGreeting(TestWorkflowEnvironment environment, Greeting greeting) {
    environment.start();
    assertEquals("Hello you", greeting.run("you"));
  }

  @Test
  void aWorkerComesLater(TestWorkflowEnvironment environment, WorkflowClient client, Worker worker) {
    var options = WorkflowOptions.newBuilder().setTaskQueue(worker.getTaskQueue()).build();
    var greeting = client.newWorkflowStub(Greeting.class, options);
    WorkflowClient.start(greeting::run, "you");
    environment.start();
    assertEquals("Hello you", WorkflowStub.fromTyped(greeting).getResult(String.class));
  }
}
