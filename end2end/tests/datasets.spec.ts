import { readdirSync, existsSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from '../fixtures/test.ts';
import { badge } from '../pages/badge.ts';
import { DatasetsPage } from '../pages/datasets.ts';
import { expectMessage, field } from '../pages/fields.ts';

/** 120 questions of growing length with an answer each; every tenth is broken. */
const MIXED = Array.from({ length: 120 }, (_, index) => {
  const line = index + 1;
  const question = `Question ${line}: ${'why '.repeat(line)}`;
  return line % 10 === 0
    ? `{"prompt": "${question}"`
    : JSON.stringify({ prompt: question, output_tokens: 10 + line });
}).join('\n');

test('a file is imported: lengths, rejected rows, preview', async ({ signedIn: page, visit }) => {
  const datasets = new DatasetsPage(page);
  await datasets.import('Corridor', { fileName: 'questions.jsonl', text: MIXED });
  await expect(badge(page, 'Ready')).toBeVisible();
  const main = page.getByRole('main');
  await expect(main).toContainText('estimate: one token for each word');
  for (const title of ['Prompt length', 'Answer length']) {
    const panel = page.locator('figure.chart-panel').filter({ hasText: title });
    await expect(panel.locator('canvas').first()).toBeVisible();
    await expect(panel.locator('.chart-finding')).toContainText('Half of the');
    await panel.getByText('Data as a table').click();
    await expect(panel.getByRole('table').locator('tbody tr').first()).toBeVisible();
  }

  await expect(main).toContainText('The row is not valid JSON.');
  await page.getByText('Lines and reasons').click();
  const rejected = page.getByRole('table', { name: 'Rejected rows' }).locator('tbody tr');
  await expect(rejected).toHaveCount(12);
  await expect(rejected.first().getByRole('rowheader')).toHaveText('10');

  const rows = page.getByRole('table', { name: 'Rows', exact: true }).locator('tbody tr');
  await expect(rows).toHaveCount(20);
  await expect(rows.first()).toContainText('Question 1: why');
  await page.getByRole('link', { name: 'Next' }).click();
  await expect(page).toHaveURL(/page=2/);
  await expect(rows.first().getByRole('rowheader')).toHaveText('23');

  await field(main, 'Description').fill('Asked in the corridor.');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(main.locator('dd .description')).toHaveText('Asked in the corridor.');

  await page.getByRole('button', { name: 'Archive…' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Archive the dataset' }).click();
  await expect(badge(page, 'Archived')).toBeVisible();
  await visit('/datasets');
  await expect(page.getByRole('rowheader', { name: 'Built-in prompts' })).toBeVisible();
  await expect(page.getByRole('rowheader', { name: 'Corridor' })).toHaveCount(0);
  await visit('/datasets?shown=archived');
  await page.getByRole('link', { name: 'Corridor' }).click();
  await page.getByRole('button', { name: 'Delete…' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete the dataset' }).click();
  await expect(page.getByRole('heading', { name: 'Datasets', level: 1 })).toBeVisible();
  await visit('/datasets?shown=all&q=corridor');
  await expect(page.getByRole('main')).toContainText('Nothing found');
});

test('what is wrong is said at the fields, and a file that is refused says why', async ({
  signedIn: page,
  visit,
  consoleWatch,
}) => {
  consoleWatch.expectComplaint(/status of 422/);
  await visit('/datasets/new');
  const main = page.getByRole('main');
  await page.getByRole('button', { name: 'Import', exact: true }).click();
  await expectMessage(field(main, 'File'), 'Choose a file.');

  const datasets = new DatasetsPage(page);
  await datasets.choose('Built-in prompts, edition 1', { fileName: 'a.jsonl', text: MIXED });
  await page.getByRole('button', { name: 'Import', exact: true }).click();
  await expectMessage(field(main, 'Name'), 'Another dataset has this name.');

  await datasets.choose('Broken array', { fileName: 'a.json', text: '[{"instruction": "Add."},\n{"instruction": }]' });
  await page.getByRole('button', { name: 'Import', exact: true }).click();
  await expect(badge(page, 'Failed')).toBeVisible();
  await expect(main).toContainText('Line 2: the array is not valid JSON.');
});

test('an upload that is stopped leaves nothing', async ({ signedIn: page, assay, visit }) => {
  const imports = path.join(assay.dataDir, 'imports');
  const files = () => (existsSync(imports) ? readdirSync(imports).length : 0);
  // The line is slow: the upload lasts long enough to be seen and stopped.
  const session = await page.context().newCDPSession(page);
  await session.send('Network.enable');
  const slowly = { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: 500_000 };
  const datasets = new DatasetsPage(page);
  await datasets.choose('Stopped', { fileName: 'large.jsonl', text: `${MIXED}\n`.repeat(300) });
  await session.send('Network.emulateNetworkConditions', slowly);
  await page.getByRole('button', { name: 'Import', exact: true }).click();
  await expect(page.getByRole('progressbar')).toBeVisible();
  await expect(page.getByRole('main')).toContainText(/Uploaded .* of /);
  await expect.poll(files).toBe(1);
  await page.getByRole('button', { name: 'Stop the upload' }).click();
  await expect(page.getByRole('progressbar')).toHaveCount(0);
  await expect.poll(files).toBe(0);
  await session.send('Network.emulateNetworkConditions', { ...slowly, uploadThroughput: -1 });
  await visit('/datasets?shown=all');
  await expect(page.getByRole('rowheader', { name: 'Built-in prompts' })).toBeVisible();
  await expect(page.getByRole('rowheader', { name: 'Stopped' })).toHaveCount(0);
});
