import { expect, test } from '../fixtures/test.ts';
import { BenchmarkPage } from '../pages/benchmark.ts';
import { field } from '../pages/fields.ts';
import { HistoryPage } from '../pages/history.ts';
import { REFERENCE_MODEL, REFERENCE_PRESET, THIS_MACHINE, Wizard } from '../pages/wizard.ts';

test('search, filters and sorting stand in the address', async ({ signedIn: page, finishedRun, visit }) => {
  const history = new HistoryPage(page);
  const { name } = finishedRun.answers;
  await visit('/');
  await expect(history.row(name)).toContainText('Completed');
  await expect(history.row(name)).toContainText('Reference');

  await history.search('no such words');
  await expect(page.getByRole('heading', { name: 'No benchmark matches' })).toBeVisible();
  await expect(page).toHaveURL(/\?q=no/);
  await history.search('two slots');
  await history.expectNames([name]);

  await history.row(name).getByRole('link', { name: 'overload' }).click();
  await expect(page).toHaveURL(/\?tag=overload$/);
  await history.expectNames([name]);

  await page.getByText('Filters', { exact: true }).click();
  await page.getByLabel('Failed', { exact: true }).check();
  await page.getByRole('button', { name: 'Apply' }).click();
  await expect(page).toHaveURL(/status=failed/);
  await expect(page.getByRole('heading', { name: 'No benchmark matches' })).toBeVisible();
  await page.reload();
  await expect(page.getByRole('heading', { name: 'No benchmark matches' })).toBeVisible();
  await page.goBack();
  await history.expectNames([name]);
});

test('headings sort', async ({ signedIn: page, finishedRun, visit }) => {
  const history = new HistoryPage(page);
  await visit('/');
  await expect(history.row(finishedRun.answers.name)).toBeVisible();
  const heading = history.table.getByRole('columnheader', { name: 'Name' });
  await heading.getByRole('link').click();
  await expect(heading).toHaveAttribute('aria-sort', 'ascending');
  const ascending = await history.names();
  await heading.getByRole('link').click();
  await expect(heading).toHaveAttribute('aria-sort', 'descending');
  await history.expectNames([...ascending].reverse());
});

test('rows change while the page is open', async ({ signedIn: page, otherSession, visit }) => {
  const history = new HistoryPage(page);
  await visit('/');
  const other = await otherSession();
  const name = 'Appears by itself';
  await new Wizard(other).run({
    name,
    concurrency: 2,
    prompt: '16',
    answer: '8',
    requests: 10,
    warmUp: 0,
    cluster: THIS_MACHINE,
    model: REFERENCE_MODEL,
    engine: { preset: REFERENCE_PRESET, arguments: '--ttft-ms 20 --itl-ms 2' },
  });
  await expect(history.row(name)).toBeVisible();
  await new BenchmarkPage(other).expectResult();
  await expect(history.row(name)).toContainText('Completed');
});

test('tags are changed on the page of a benchmark', async ({ signedIn: page, finishedRun, visit, consoleWatch }) => {
  consoleWatch.expectComplaint(/status of 422/);
  await visit(`/benchmarks/${finishedRun.id}`);
  await page.getByText('Edit tags', { exact: true }).click();
  const form = page.getByRole('main');
  const tags = field(form, 'Tags, separated by commas');
  await tags.fill('x'.repeat(65));
  await form.getByRole('button', { name: 'Save tags' }).click();
  await expect(tags).toHaveAccessibleDescription(/at most 64 characters/);

  await tags.fill('overload, nightly, Gate');
  await form.getByRole('button', { name: 'Save tags' }).click();
  await expect(page.getByRole('link', { name: 'gate', exact: true })).toBeVisible();
  await tags.fill('overload, nightly');
  await form.getByRole('button', { name: 'Save tags' }).click();
  await expect(page.getByRole('link', { name: 'gate', exact: true })).toHaveCount(0);
});
