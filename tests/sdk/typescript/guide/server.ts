// server.ts: a server for the whole run, which FERMATA names.
import { TestWorkflowEnvironment } from '@temporalio/testing';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  export interface ProvidedContext {
    address: string;
  }
}

export default async function (project: TestProject) {
  const executable = { type: 'existing-path', path: process.env.FERMATA! } as const;
  const environment = await TestWorkflowEnvironment.createLocal({ server: { executable } });
  project.provide('address', environment.address);
  return () => environment.teardown();
}
