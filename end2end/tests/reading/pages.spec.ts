import { expect, test } from '../../fixtures/test.ts';
import { HistoryPage } from '../../pages/history.ts';

const SCRIPT_ONLY = ['Delete…', 'Cancel run', 'Copy'];

test.describe('pages read without JavaScript', () => {
  test('history', async ({ signedIn: page, finishedRun, visit }) => {
    await visit('/');
    const history = new HistoryPage(page);
    const row = history.row(finishedRun.answers.name);
    await expect(row).toContainText('Completed');
    await expect(row).toContainText('Reference');

    await page.getByRole('searchbox').fill('two slots');
    await page.getByRole('button', { name: 'Search', exact: true }).click();
    await expect(page).toHaveURL(/q=two/);
    await history.expectNames([finishedRun.answers.name]);
    await history.table.getByRole('columnheader', { name: 'Duration' }).getByRole('link').click();
    await expect(page).toHaveURL(/sort=-duration/);
    await history.expectNames([finishedRun.answers.name]);
    await row.getByRole('link', { name: finishedRun.answers.name }).click();
    await expect(page.getByRole('heading', { name: finishedRun.answers.name, level: 1 })).toBeVisible();
  });

  test('result', async ({ signedIn: page, finishedRun, visit }) => {
    await visit(`/benchmarks/${finishedRun.id}`);
    await expect(page.getByText(/of 120 requests failed/)).toBeVisible();
    const figures = page.getByRole('region', { name: 'Figures', exact: true });
    await expect(figures.getByRole('heading', { name: 'TTFT' })).toBeVisible();

    const panel = page.locator('figure.chart-panel').filter({ hasText: 'Time to first token, cumulative' });
    await expect(panel.locator('.chart-finding')).not.toBeEmpty();
    await panel.getByText('Data as a table').click();
    await expect(panel.getByRole('table').locator('tbody tr').first()).toBeVisible();

    await page.getByRole('combobox', { name: 'Across' }).selectOption('prompt_len');
    await page.getByRole('button', { name: 'Show', exact: true }).click();
    await expect(page.getByRole('heading', { name: 'TTFT against Prompt length' })).toBeVisible();

    const tabs = page.getByRole('navigation', { name: 'Result', exact: true });
    await tabs.getByRole('link', { name: 'Requests' }).click();
    const rows = page.getByRole('table', { name: 'Requests' }).locator('tbody tr');
    await expect(rows).toHaveCount(50);
    await page.getByRole('link', { name: /^Only the \d+ that failed$/ }).click();
    await expect(rows.first()).toContainText('no complete answer within 1 s');
    expect(await rows.count()).toBe(await rows.filter({ hasText: 'no complete answer within 1 s' }).count());

    await tabs.getByRole('link', { name: 'Log' }).click();
    await expect(page.getByRole('log', { name: 'Log of the run' })).toContainText('Verify deployment:');
    await tabs.getByRole('link', { name: 'Manifest' }).click();
    await expect(page.getByText(/^[0-9.]+ KiB, SHA-256/)).toBeVisible();
    await expect(page.getByRole('main')).toContainText('--slots 2');
  });

  for (const [address, heading, content] of [
    ['/models', 'Models', 'Reference engine'],
    ['/datasets', 'Datasets', 'Built-in prompts'],
    ['/datasets/new', 'Import a dataset', 'How prompts are drawn'],
    ['/clusters', 'Clusters', 'This machine'],
    ['/settings', 'Settings', 'SQLite'],
    ['/settings/accuracy', 'This machine’s accuracy', 'Start selftest'],
    ['/definitions', 'Metric definitions', 'time to first token'],
    ['/api-reference', 'API reference', '/api/v1/benchmark/run-workflow'],
    ['/new', 'New benchmark', 'Start a new benchmark'],
  ] as const) {
    test(heading.toLowerCase(), async ({ signedIn: page, visit }) => {
      await visit(address);
      await expect(page.getByRole('heading', { name: heading, level: 1 })).toBeVisible();
      await expect(page.getByRole('main')).toContainText(content);
      for (const name of SCRIPT_ONLY) {
        await expect(page.getByRole('button', { name })).toHaveCount(0);
      }
      await expect(page.getByRole('group', { name: 'Theme' })).toHaveCount(0);
    });
  }

  test('an address that leads nowhere says so', async ({ signedIn: page, visit, consoleWatch }) => {
    consoleWatch.expectComplaint(/status of 404/);
    await visit('/no-such-page');
    await expect(page.getByRole('heading', { name: 'Page not found', level: 1 })).toBeVisible();
  });

  test('both themes', async ({ signedIn: page, context, assay, visit }) => {
    const papers: string[] = [];
    for (const theme of ['light', 'dark']) {
      await context.addCookies([{ name: 'theme', value: theme, url: assay.url }]);
      await visit('/');
      papers.push(await page.locator('html').evaluate((root) => getComputedStyle(root).backgroundColor));
    }
    expect(papers[0]).not.toBe(papers[1]);
  });
});
