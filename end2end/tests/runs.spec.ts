import { expect, test } from '../fixtures/test.ts';
import { badge } from '../pages/badge.ts';
import { BenchmarkPage } from '../pages/benchmark.ts';
import { choice, field } from '../pages/fields.ts';
import { HistoryPage } from '../pages/history.ts';
import { BASIC_INFO, REFERENCE_MODEL, REFERENCE_PRESET, THIS_MACHINE, Wizard } from '../pages/wizard.ts';

/** Over in a second, with prompts of one length. */
const SHORT_RUN = {
  concurrency: 2,
  prompt: '16',
  answer: '8',
  requests: 20,
  warmUp: 0,
  cluster: THIS_MACHINE,
  model: REFERENCE_MODEL,
  engine: { preset: REFERENCE_PRESET, arguments: '--ttft-ms 20 --itl-ms 2' },
};

test('a plan is run three times as one group, for gating, and once more later', async ({ signedIn: page, visit }) => {
  const wizard = new Wizard(page);
  const name = 'Three for the gate';
  await wizard.start();
  const step = wizard.step(BASIC_INFO);
  await choice(step, 'Purpose', 'Gating').check();
  const keep = step.getByRole('checkbox', { name: /^Keep the engine between the runs/ });
  await expect(keep).toHaveCount(0);
  await field(step, 'Runs of this plan').fill('3');
  await keep.check();
  await wizard.answerBasicInfo({ ...SHORT_RUN, name });
  await wizard.answerEvaluation(SHORT_RUN);
  await wizard.answerCluster(SHORT_RUN.cluster);
  await wizard.answerNodes();
  await wizard.answerModel(SHORT_RUN);
  await wizard.confirm();
  await expect(page.getByText('3 runs, one after another. The first starts the engine')).toBeVisible();
  await wizard.execute();
  const benchmark = new BenchmarkPage(page);
  await benchmark.expectResult();
  const badges = page.locator('.page-badges');
  await expect(badge(badges, 'Gating')).toBeVisible();

  const runs = page.getByRole('table', { name: 'Runs of this plan' }).locator('tbody tr');
  await expect(runs).toHaveCount(3);
  await expect(runs.nth(0)).toContainText('this one');
  await runs.nth(2).getByRole('link', { name: 'Run 3' }).click();
  await expect(runs.nth(2)).toContainText('this one');
  await benchmark.expectResult();
  await expect(page.getByText('The engine was warm: taken over from run 2, started by run 1.')).toBeVisible();

  await page.getByRole('button', { name: 'Run again' }).click();
  await expect(runs).toHaveCount(4);
  await expect(runs.nth(3)).toContainText('this one');
  await benchmark.expectResult();
  await page.reload();
  // The last one came when nothing was kept any more.
  await expect(page.getByText(/^Warm and fresh engines are not the same condition\. Fresh: 2 of 2 runs/)).toBeVisible();
  const engines = runs.locator('td:nth-child(3)');
  await expect(engines).toHaveText(['fresh', 'warm', 'warm', 'fresh']);

  await visit(`/?q=${encodeURIComponent(name)}`);
  const history = new HistoryPage(page);
  await expect(history.table.locator('tbody tr')).toHaveCount(4);
  await expect(history.table.locator('tbody tr').first()).toContainText('Gating');
  await history.table.getByRole('link', { name: '4/4', exact: true }).click();
  await expect(page).toHaveURL(/\?group=[0-9a-f-]+$/);
  await history.expectNames([name, name, name, name]);
});

test('a benchmark is archived, shown on demand, taken back and deleted', async ({ signedIn: page, visit }) => {
  const name = 'To be put away';
  const id = await new Wizard(page).run({ ...SHORT_RUN, name });
  const benchmark = new BenchmarkPage(page);
  await benchmark.expectResult();
  await page.getByRole('button', { name: 'Archive', exact: true }).click();
  await benchmark.expectStatus('Archived');

  const history = new HistoryPage(page);
  await visit('/?q=put');
  await expect(page.getByRole('heading', { name: 'No benchmark matches' })).toBeVisible();
  await page.getByText('Filters', { exact: true }).click();
  await page.getByLabel('Archived ones').selectOption('Alone');
  await page.getByRole('button', { name: 'Apply' }).click();
  await expect(page).toHaveURL(/shown=archived/);
  await history.expectNames([name]);
  await expect(history.row(name)).toContainText('Archived');

  await visit(`/benchmarks/${id}`);
  await page.getByRole('button', { name: 'Take out of the archive' }).click();
  await expect(page.getByRole('button', { name: 'Archive', exact: true })).toBeVisible();
  await visit('/?q=put');
  await history.expectNames([name]);

  await visit(`/benchmarks/${id}`);
  const dialog = page.getByRole('dialog');
  await page.getByRole('button', { name: 'Delete…' }).click();
  await dialog.getByRole('button', { name: 'Keep it' }).click();
  await expect(dialog).toBeHidden();
  await page.getByRole('button', { name: 'Delete…' }).click();
  await dialog.getByRole('button', { name: 'Delete the benchmark' }).click();
  await expect(page.getByRole('heading', { name: 'Benchmarks', level: 1 })).toBeVisible();
  await expect(history.row(name)).toHaveCount(0);
});

test('the purpose is changed on the page and narrows the history', async ({ signedIn: page, finishedRun, visit }) => {
  const { name } = finishedRun.answers;
  const history = new HistoryPage(page);
  await visit(`/?purpose=gating&name=${encodeURIComponent('two slots')}`);
  await expect(page.getByRole('heading', { name: 'No benchmark matches' })).toBeVisible();

  await visit(`/benchmarks/${finishedRun.id}`);
  await page.getByText('Change purpose', { exact: true }).click();
  const form = page.getByRole('main');
  await field(form, 'Purpose').selectOption('gating');
  await form.getByRole('button', { name: 'Save purpose' }).click();
  await expect(badge(page.locator('.page-badges'), 'Gating')).toBeVisible();
  await visit(`/?purpose=gating&name=${encodeURIComponent('two slots')}`);
  await history.expectNames([name]);

  await page.getByText('Filters', { exact: true }).click();
  await page.getByLabel('Concurrency to', { exact: true }).fill('31');
  await page.getByRole('button', { name: 'Apply' }).click();
  await expect(page).toHaveURL(/concurrency_max=31/);
  await expect(page.getByRole('heading', { name: 'No benchmark matches' })).toBeVisible();
  await page.getByRole('link', { name: 'Remove the filter concurrency' }).click();
  await history.expectNames([name]);

  await visit(`/benchmarks/${finishedRun.id}`);
  await page.getByText('Change purpose', { exact: true }).click();
  await field(form, 'Purpose').selectOption('exploratory');
  await form.getByRole('button', { name: 'Save purpose' }).click();
  await expect(badge(page.locator('.page-badges'), 'Gating')).toHaveCount(0);
});

test('latency by length: one bin for one length, many for varied ones', async ({ signedIn: page }) => {
  await new Wizard(page).run({ ...SHORT_RUN, name: 'One length' });
  const benchmark = new BenchmarkPage(page);
  await benchmark.expectResult();
  await expect(page.getByText(/All 20 measured requests had prompts of \d+ tokens: one length, so one bin\./)).toBeVisible();
  const table = page.getByRole('table', { name: 'Latency by prompt length' });
  await expect(table.locator('tbody tr')).toHaveCount(1);

  await new Wizard(page).run({ ...SHORT_RUN, name: 'Varied lengths', prompt: 'uniform:10..400', requests: 60 });
  await benchmark.expectResult();
  await expect(page.getByRole('heading', { name: 'TTFT by prompt length' })).toBeVisible();
  await page.getByRole('combobox', { name: 'Bins' }).selectOption('5');
  await expect(page).toHaveURL(/bins=5/);
  await page.getByText('All figures as a table').click();
  const rows = table.locator('tbody tr');
  await expect(rows).toHaveCount(5);
  const counts = await rows.locator('td:nth-of-type(1)').allTextContents();
  expect(counts.map(Number).reduce((sum, count) => sum + count, 0)).toBe(60);
  await page.getByRole('combobox', { name: 'Length of' }).selectOption('Answers');
  await expect(page).toHaveURL(/lengths=output&bins=5/);
  await expect(page.getByText(/All 60 measured requests had answers of 8 tokens/)).toBeVisible();
});

test('the request table is narrowed in the address', async ({ signedIn: page, finishedRun, visit }) => {
  await visit(`/benchmarks/${finishedRun.id}?tab=requests`);
  const rows = page.getByRole('table', { name: 'Requests' }).locator('tbody tr');
  await expect(rows).toHaveCount(50);
  await page.getByText('Filters', { exact: true }).click();
  const form = page.getByRole('main');
  await field(form, 'Part of the run').selectOption('warm-up');
  await form.getByRole('button', { name: 'Apply' }).click();
  await expect(page).toHaveURL(/phase=warm_up/);
  await expect(rows).toHaveCount(8);
  await page.getByRole('link', { name: 'Remove the filter part' }).click();
  await expect(rows).toHaveCount(50);
});
