import { AssayServer } from '../fixtures/assay.ts';
import { expectAllDrawn } from '../fixtures/charts.ts';
import { waitForHydration } from '../fixtures/hydration.ts';
import { expect, test } from '../fixtures/test.ts';
import { AccountPage } from '../pages/account.ts';
import { badge } from '../pages/badge.ts';
import { BenchmarkPage } from '../pages/benchmark.ts';
import { HistoryPage } from '../pages/history.ts';

test('a visitor of a demo is signed in, and sees a sample run to its result', async ({ page, database }) => {
  const demo = await AssayServer.start(database, ['--demo']);
  try {
    await page.goto(demo.url);
    await waitForHydration(page);
    await new AccountPage(page).expectSignedIn();
    await expect(page.getByRole('button', { name: 'Sign out' })).toHaveCount(0);

    const history = new HistoryPage(page);
    const samples = history.table.getByRole('row').filter({ hasText: 'Sample:' });
    await expect(samples).toHaveCount(3);
    for (const sample of await samples.all()) {
      await expect(badge(sample, 'Sample')).toBeVisible();
      await expect(badge(sample, 'Reference')).toBeVisible();
    }

    const first = 'Sample: short answers at a concurrency of 8';
    await history.row(first).getByRole('link', { name: first }).click();
    await new BenchmarkPage(page).expectResult();
    await expect(badge(page, 'Reference engine')).toBeVisible();
    await expect(badge(page, 'Sample')).toBeVisible();
    await expectAllDrawn(page.getByRole('main'));
  } finally {
    await demo.stop();
  }
});
