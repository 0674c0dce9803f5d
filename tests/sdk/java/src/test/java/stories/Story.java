package stories;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.temporal.api.common.v1.WorkflowExecution;
import io.temporal.api.enums.v1.EventType;
import io.temporal.api.enums.v1.WorkflowExecutionStatus;
import io.temporal.api.history.v1.HistoryEvent;
import io.temporal.client.WorkflowClient;
import io.temporal.client.WorkflowFailedException;
import io.temporal.client.WorkflowOptions;
import io.temporal.client.WorkflowStub;
import io.temporal.common.SearchAttributeKey;
import io.temporal.serviceclient.WorkflowServiceStubs;
import io.temporal.serviceclient.WorkflowServiceStubsOptions;
import io.temporal.testing.TemporalDevServer;
import io.temporal.testing.TemporalDevServerOptions;
import io.temporal.worker.WorkerFactory;
import io.temporal.worker.WorkerFactoryOptions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Callable;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;

/** What each story has: a client, a task queue of its own, workers that stop when it is over. */
final class Story {
  static final SearchAttributeKey<String> CUSTOMER = SearchAttributeKey.forKeyword("Customer");
  static final SearchAttributeKey<Long> AMOUNT = SearchAttributeKey.forLong("Amount");

  final WorkflowClient client;
  final String queue = unique("queue");
  private final List<WorkerFactory> workers = new ArrayList<>();

  private Story(WorkflowClient client) {
    this.client = client;
  }

  static String unique(String prefix) {
    return prefix + "-" + UUID.randomUUID();
  }

  /** Runs a worker with these workflows (classes) and activities (objects). */
  WorkerFactory work(Object... registered) {
    return work(WorkerFactoryOptions.getDefaultInstance(), registered);
  }

  WorkerFactory work(WorkerFactoryOptions options, Object... registered) {
    var factory = WorkerFactory.newInstance(client, options);
    var worker = factory.newWorker(queue);
    for (Object one : registered) {
      if (one instanceof Class<?> workflow) {
        worker.registerWorkflowImplementationTypes(workflow);
      } else {
        worker.registerActivitiesImplementations(one);
      }
    }
    factory.start();
    workers.add(factory);
    return factory;
  }

  WorkflowOptions.Builder options() {
    return WorkflowOptions.newBuilder().setTaskQueue(queue).setWorkflowId(unique("wf"));
  }

  /** A workflow that is to be started, by its interface. */
  <T> T workflow(Class<T> type) {
    return client.newWorkflowStub(type, options().build());
  }

  /** The same by its name. */
  WorkflowStub workflow(String type) {
    return client.newUntypedWorkflowStub(type, options().build());
  }

  WorkflowStub byId(String id) {
    return client.newUntypedWorkflowStub(id);
  }

  static String idOf(Object typed) {
    return WorkflowStub.fromTyped(typed).getExecution().getWorkflowId();
  }

  static <T> T result(Object typed, Class<T> type) {
    return WorkflowStub.fromTyped(typed).getResult(type);
  }

  /** What the workflow failed with. */
  static Throwable failure(WorkflowStub workflow) {
    return assertThrows(WorkflowFailedException.class, () -> workflow.getResult(Void.class)).getCause();
  }

  WorkflowExecutionStatus status(String id) {
    return byId(id).describe().getStatus();
  }

  List<HistoryEvent> events(WorkflowExecution run) {
    return client.fetchHistory(run.getWorkflowId(), run.getRunId()).getEvents();
  }

  List<HistoryEvent> events(WorkflowExecution run, EventType type) {
    return events(run).stream().filter(event -> event.getEventType() == type).toList();
  }

  List<EventType> types(WorkflowExecution run) {
    return events(run).stream().map(HistoryEvent::getEventType).toList();
  }

  /** For what the server shows only when it is asked. */
  static void eventually(Callable<Boolean> is) throws Exception {
    var end = System.nanoTime() + Duration.ofSeconds(20).toNanos();
    while (!is.call()) {
      assertTrue(System.nanoTime() < end, "not within 20 s");
      Thread.sleep(20);
    }
  }

  /** One server for all stories, that FERMATA_EXE names, launched by the SDK when the first story needs it. */
  private static final class Server implements AutoCloseable {
    final TemporalDevServer server;
    final WorkflowClient client;

    Server() {
      var exe = System.getenv("FERMATA_EXE");
      if (exe == null) {
        throw new IllegalStateException("set FERMATA_EXE to the server executable, an absolute path");
      }
      server =
          TemporalDevServer.start(
              TemporalDevServerOptions.newBuilder()
                  .setExistingPath(exe)
                  .setLogLevel("error")
                  .setLogFile("target/server.log")
                  .setExtraArgs("--search-attribute", "Customer=Keyword", "--search-attribute", "Amount=Int")
                  .build());
      client =
          WorkflowClient.newInstance(
              WorkflowServiceStubs.newServiceStubs(
                  WorkflowServiceStubsOptions.newBuilder().setTarget(server.getTarget()).build()));
    }

    @Override
    public void close() {
      client.getWorkflowServiceStubs().shutdownNow();
      server.close();
    }
  }

  /** Hands stories to tests. */
  static final class Telling implements ParameterResolver, AfterEachCallback {
    private static final Namespace HERE = Namespace.create(Telling.class);

    @Override
    public boolean supportsParameter(ParameterContext parameter, ExtensionContext test) {
      return parameter.getParameter().getType() == Story.class;
    }

    @Override
    public Object resolveParameter(ParameterContext parameter, ExtensionContext test) {
      var server = test.getRoot().getStore(HERE).computeIfAbsent(Server.class, type -> new Server(), Server.class);
      var story = new Story(server.client);
      test.getStore(HERE).put(Story.class, story);
      return story;
    }

    @Override
    public void afterEach(ExtensionContext test) {
      var story = test.getStore(HERE).get(Story.class, Story.class);
      if (story != null) {
        story.workers.forEach(WorkerFactory::shutdownNow);
      }
    }
  }
}
