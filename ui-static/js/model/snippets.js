/* The few lines that start a worker against this very server, in each SDK. Pure: snippets({address, namespace, queue, deployment,
 * build}) -> [{name, install, file, code, run}]. Without a deployment the worker has no version. */

/* In one line, because cmake/join_modules.py takes a line that begins with "export" at its word. */
const WORKFLOWS_MJS = '// workflows.mjs\nexport async function Hello(name) {\n  return `Hello ${name}`;\n}\n';

const text = (word) => JSON.stringify(String(word));

export function snippets({ address, namespace, queue, deployment, build = '1.0' }) {
  const versioned = deployment !== undefined;
  const [a, n, q, d, b] = [address, namespace, queue, deployment ?? '', build].map(text);
  return [
    {
      name: 'Go',
      install: 'go get go.temporal.io/sdk',
      file: 'main.go',
      code: `package main

import (
	"log"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

func Hello(ctx workflow.Context, name string) (string, error) {
	return "Hello " + name, nil
}

func main() {
	c, err := client.Dial(client.Options{HostPort: ${a}, Namespace: ${n}})
	if err != nil {
		log.Fatal(err)
	}
	w := worker.New(c, ${q}, worker.Options{${versioned ? `
		DeploymentOptions: worker.DeploymentOptions{
			UseVersioning:             true,
			Version:                   worker.WorkerDeploymentVersion{DeploymentName: ${d}, BuildID: ${b}},
			DefaultVersioningBehavior: workflow.VersioningBehaviorPinned,
		},
	` : ''}})
	w.RegisterWorkflow(Hello)
	if err := w.Run(worker.InterruptCh()); err != nil {
		log.Fatal(err)
	}
}`,
      run: 'go run .',
    },
    {
      name: 'Python',
      install: 'pip install temporalio',
      file: 'worker.py',
      code: `import asyncio
from temporalio import workflow
from temporalio.client import Client
${versioned ? `from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import Worker, WorkerDeploymentConfig` : 'from temporalio.worker import Worker'}

@workflow.defn
class Hello:
    @workflow.run
    async def run(self, name: str) -> str:
        return f"Hello {name}"

async def main():
    client = await Client.connect(${a}, namespace=${n})
    await Worker(
        client,
        task_queue=${q},
        workflows=[Hello],${versioned ? `
        deployment_config=WorkerDeploymentConfig(
            version=WorkerDeploymentVersion(${d}, ${b}),
            use_worker_versioning=True,
            default_versioning_behavior=VersioningBehavior.PINNED,
        ),` : ''}
    ).run()

if __name__ == "__main__":
    asyncio.run(main())`,
      run: 'python worker.py',
    },
    {
      name: 'TypeScript',
      install: 'npm install @temporalio/worker @temporalio/workflow',
      file: 'worker.mjs, with workflows.mjs beside it',
      code: `${WORKFLOWS_MJS}
// worker.mjs
import { fileURLToPath } from 'node:url';
import { NativeConnection, Worker } from '@temporalio/worker';

const worker = await Worker.create({
  connection: await NativeConnection.connect({ address: ${a} }),
  namespace: ${n},
  taskQueue: ${q},
  workflowsPath: fileURLToPath(new URL('workflows.mjs', import.meta.url)),${versioned ? `
  workerDeploymentOptions: {
    version: { deploymentName: ${d}, buildId: ${b} },
    useWorkerVersioning: true,
    defaultVersioningBehavior: 'PINNED',
  },` : ''}
});
await worker.run();`,
      run: 'node worker.mjs',
    },
    {
      name: 'Java',
      install: 'implementation("io.temporal:temporal-sdk:1.+")',
      file: 'Main.java',
      code: `import io.temporal.client.*;
import io.temporal.common.*;
import io.temporal.serviceclient.*;
import io.temporal.worker.*;
import io.temporal.workflow.*;

public class Main {
  @WorkflowInterface public interface Hello {
    @WorkflowMethod(name = "Hello") String hello(String name);
  }
  public static class HelloImpl implements Hello {
    public String hello(String name) { return "Hello " + name; }
  }
  public static void main(String[] args) {
    var service = WorkflowServiceStubs.newServiceStubs(
        WorkflowServiceStubsOptions.newBuilder().setTarget(${a}).build());
    var client = WorkflowClient.newInstance(service,
        WorkflowClientOptions.newBuilder().setNamespace(${n}).build());
    var factory = WorkerFactory.newInstance(client);
    var worker = factory.newWorker(${q}${versioned ? `, WorkerOptions.newBuilder()
        .setDeploymentOptions(WorkerDeploymentOptions.newBuilder()
            .setVersion(new WorkerDeploymentVersion(${d}, ${b}))
            .setUseVersioning(true)
            .setDefaultVersioningBehavior(VersioningBehavior.PINNED)
            .build())
        .build()` : ''});
    worker.registerWorkflowImplementationTypes(HelloImpl.class);
    factory.start();
  }
}`,
      run: 'gradle run',
    },
  ];
}
