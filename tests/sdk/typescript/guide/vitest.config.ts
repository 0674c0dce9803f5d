// vitest.config.ts
import { defineConfig } from 'vitest/config';

export default defineConfig({ test: { globalSetup: './server.ts', testTimeout: 60_000, hookTimeout: 60_000 } });
