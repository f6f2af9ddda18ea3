import { expect, test } from '../fixtures/test.ts';
import { waitForHydration } from '../fixtures/hydration.ts';

const ACCURACY = 'This machine’s accuracy';

test('a selftest is started in the settings, cancelled, followed, and stands beside every result', async ({
  signedIn: page,
  finishedRun,
  visit,
}) => {
  await visit(`/benchmarks/${finishedRun.id}`);
  await expect(page.getByText('Error bar: no selftest yet.')).toBeVisible();
  await visit('/settings');
  await page.getByRole('link', { name: 'Show the selftests' }).click();
  await expect(page.getByRole('heading', { name: ACCURACY, level: 1 })).toBeVisible();
  await expect(page.getByText('No selftest yet')).toBeVisible();

  const start = page.getByRole('button', { name: 'Start selftest' });
  await start.click();
  await expect(page.getByText(/^\d of 7 levels measured$/)).toBeVisible();
  await expect(start).toHaveCount(0);

  await page.getByRole('button', { name: 'Cancel selftest' }).click();
  await expect(page.getByText(/^Cancelled by /)).toBeVisible();
  const history = page.getByRole('table', { name: 'Selftests' });
  await expect(history).toContainText('cancelled');
  await start.click();
  await expect(start).toHaveCount(0);

  const levels = page.getByRole('table', { name: 'Levels of the selftest' });
  await expect(levels.getByRole('rowheader', { name: '1 stream' })).toBeVisible({ timeout: 60_000 });
  // Whatever this machine can do, it says so.
  await expect(page.getByText(/honest ceiling is|No level stayed within/)).toBeVisible({ timeout: 150_000 });
  await expect(levels.locator('tbody tr')).toHaveCount(7);
  await expect(start).toBeVisible();
  await expect(history.locator('tbody tr')).toHaveCount(2);
  await expect(history).toContainText('completed');
  await page.reload();
  await waitForHydration(page);
  await expect(history).toContainText('completed');

  await visit(`/benchmarks/${finishedRun.id}`);
  await expect(page.getByText(/TTFT ±[0-9.]+ ms on average/)).toBeVisible();
  await page.getByRole('link', { name: ACCURACY }).click();
  await expect(levels).toBeVisible();
});
