import { existsSync } from 'node:fs';
import { defineConfig } from '@playwright/test';
import type { AssayOptions } from './fixtures/test.ts';

// Playwright's own browser cannot be had everywhere; the system's Chromium can.
const CHROMIUM_PATHS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

function chromiumPath(): string {
  const path = process.env['CHROMIUM'] ?? CHROMIUM_PATHS.find(existsSync);
  if (path === undefined) {
    throw new Error('no Chromium found: install it (cargo xtask test does), or set CHROMIUM to its path');
  }
  return path;
}

const READING_TESTS = 'tests/reading/**';
/** What a container or a far machine goes through is the same on each database. */
const DEPLOYMENT_TESTS = ['tests/docker.spec.ts', 'tests/far.spec.ts'];

export default defineConfig<AssayOptions, AssayOptions>({
  testDir: 'tests',
  outputDir: 'test-results',
  // One browser and one server at a time: the tests measure, and the machine may be small.
  workers: 1,
  fullyParallel: false,
  retries: 0,
  forbidOnly: process.env['CI'] !== undefined,
  // Only what hangs gets here: a busy machine may take its time.
  timeout: 180_000,
  expect: { timeout: 20_000 },
  reporter: [['list']],
  use: {
    actionTimeout: 20_000,
    navigationTimeout: 40_000,
    viewport: { width: 1440, height: 900 },
    // Far from the server's own: a page must depend on neither.
    timezoneId: 'Asia/Kolkata',
    locale: 'en-GB',
    trace: 'retain-on-failure',
    screenshot: 'only-on-failure',
    launchOptions: {
      executablePath: chromiumPath(),
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
  projects: [
    { name: 'sqlite', testIgnore: READING_TESTS, use: { database: 'sqlite' } },
    { name: 'postgres', testIgnore: [READING_TESTS, ...DEPLOYMENT_TESTS], use: { database: 'postgres' } },
    { name: 'no-js', testMatch: READING_TESTS, use: { database: 'sqlite', javaScriptEnabled: false } },
  ],
});
