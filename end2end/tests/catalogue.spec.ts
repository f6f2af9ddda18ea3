import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { waitForHydration } from '../fixtures/hydration.ts';
import { tinyModel } from '../fixtures/paths.ts';
import { expect, test } from '../fixtures/test.ts';
import { badge } from '../pages/badge.ts';
import { CataloguePage } from '../pages/catalogue.ts';
import { expectMessage, field } from '../pages/fields.ts';

test('an endpoint is added, changed, checked and deleted', async ({ signedIn: page, engine, visit }) => {
  await visit('/clusters/new');
  const form = page.getByRole('main');
  await field(form, 'Base URL').fill('127.0.0.1:8000');
  await form.getByRole('button', { name: 'Add the endpoint' }).click();
  await expectMessage(field(form, 'Name'), 'Give a name.');
  await expectMessage(field(form, 'Base URL'), 'Give a base URL such as http://127.0.0.1:8000');

  const catalogue = new CataloguePage(page);
  await catalogue.addEndpoint({ name: 'Bench rack', baseUrl: `${engine.url}/v1/` });
  await expect(badge(page, 'Reachable')).toBeVisible();
  await expect(form).toContainText('llama.cpp');
  await expect(form).toContainText(engine.model);

  await field(form, 'API key').fill('not-needed-here');
  await form.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('heading', { name: 'Clusters', level: 1 })).toBeVisible();
  await page.getByRole('link', { name: 'Bench rack' }).click();
  await expect(form).toContainText('sealed');
  await expect(page.locator('body')).not.toContainText('not-needed-here');
  // The page is drawn anew when the last of its parts has come; a dialog that was opened before is closed by it.
  const lastPart = page.waitForResponse((response) => response.url().endsWith('/api/clusters/use'));
  await page.getByRole('button', { name: 'Check now' }).click();
  await lastPart;
  await expect(page.getByRole('button', { name: 'Check now' })).toBeEnabled();
  await expect(badge(page, 'Reachable')).toBeVisible();

  await page.getByRole('button', { name: 'Delete…' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete the endpoint' }).click();
  await expect(page.getByRole('heading', { name: 'Clusters', level: 1 })).toBeVisible();
  await expect(page.getByRole('rowheader', { name: 'This machine' })).toBeVisible();
  await expect(page.getByRole('rowheader', { name: 'Bench rack' })).toHaveCount(0);
});

test('a model is added, changed and deleted', async ({ signedIn: page, visit, consoleWatch }) => {
  consoleWatch.expectComplaint(/status of 4(09|22)/);
  await visit('/models/new');
  const form = page.getByRole('main');
  await field(form, 'Source').selectOption('Hugging Face repository');
  await field(form, 'Repository').fill('only-a-name');
  await field(form, 'Tokenizer').fill('relative/tokenizer.json');
  await form.getByRole('button', { name: 'Add the model' }).click();
  await expectMessage(field(form, 'Name'), 'Give a name.');
  await expectMessage(field(form, 'Repository'), 'Give it as organisation/name.');
  await expectMessage(field(form, 'Tokenizer'), 'Give an absolute path');

  await new CataloguePage(page).addModel({ name: 'Short-lived', servedName: 'short' });
  await page.getByRole('link', { name: 'Short-lived' }).click();
  await expect(page.getByRole('heading', { name: 'Short-lived', level: 1 })).toBeVisible();
  await field(form, 'Description').fill('Changed once.');
  await form.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('row').filter({ hasText: 'Short-lived' })).toContainText('Changed once.');

  await visit('/models/new');
  await field(form, 'Name').fill('Short-lived');
  await form.getByRole('button', { name: 'Add the model' }).click();
  await expectMessage(field(form, 'Name'), 'Another model has this name.');

  await visit('/models');
  await page.getByRole('link', { name: 'Short-lived' }).click();
  await page.getByRole('button', { name: 'Delete…' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete the model' }).click();
  await expect(page.getByRole('rowheader', { name: 'Reference engine' })).toBeVisible();
  await expect(page.getByRole('rowheader', { name: 'Short-lived' })).toHaveCount(0);
});

test('the hardware of this machine is shown and read again', async ({ signedIn: page, visit }) => {
  await visit('/clusters');
  await page.getByRole('link', { name: 'This machine' }).click();
  await waitForHydration(page);
  const main = page.getByRole('main');
  for (const fact of ['Operating system', 'Processor', 'Cores', 'Memory', 'Accelerators']) {
    await expect(main.locator('dt').filter({ hasText: fact })).toBeVisible();
  }
  await page.getByRole('button', { name: 'Read the hardware again' }).click();
  await expect(page.getByRole('button', { name: 'Read the hardware again' })).toBeEnabled();
  await expect(main.locator('dt').filter({ hasText: 'Processor' })).toBeVisible();
});

test('a model is archived, found again and brought back', async ({ signedIn: page, visit }) => {
  const catalogue = new CataloguePage(page);
  await catalogue.addModel({ name: 'Last year', servedName: 'old-one' });
  await page.getByRole('link', { name: 'Last year' }).click();
  await expect(page.getByRole('main')).toContainText('Nothing uses it: it can be deleted.');
  await page.getByRole('button', { name: 'Archive…' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Archive the model' }).click();
  await expect(badge(page, 'Archived')).toBeVisible();

  await visit('/models');
  const row = page.getByRole('row').filter({ hasText: 'Last year' });
  await expect(page.getByRole('rowheader', { name: 'Reference engine' })).toBeVisible();
  await expect(row).toHaveCount(0);
  await catalogue.search('OLD-one', 'In use and archived');
  await expect(page).toHaveURL(/\/models\?q=OLD-one&shown=all$/);
  await expect(row).toContainText('Archived');
  await expect(page.getByRole('rowheader', { name: 'Reference engine' })).toHaveCount(0);
  await catalogue.search('no such model', 'In use');
  await expect(page.getByRole('heading', { name: 'Nothing found' })).toBeVisible();

  await visit('/models?shown=archived');
  await row.getByRole('link', { name: 'Last year' }).click();
  await page.getByRole('button', { name: 'Bring back' }).click();
  await expect(page.getByRole('button', { name: 'Archive…' })).toBeVisible();
  await visit('/models');
  await expect(row).toBeVisible();
});

test('what was used says by whom and is not offered for deletion', async ({ signedIn: page, finishedRun, visit }) => {
  await visit('/clusters');
  await page.getByRole('link', { name: 'This machine' }).click();
  const used = page.getByRole('table', { name: 'Benchmarks that use it' });
  await expect(used.getByRole('link', { name: finishedRun.answers.name })).toHaveAttribute(
    'href',
    `/benchmarks/${finishedRun.id}`,
  );
  await expect(page.getByRole('button', { name: 'Delete…' })).toHaveCount(0);
});

test('the files of a model on this machine are read', async ({ signedIn: page }) => {
  await new CataloguePage(page).addModel({ name: 'On the disk', servedName: 'tiny', path: tinyModel() });
  await page.getByRole('link', { name: 'On the disk' }).click();
  const main = page.getByRole('main');
  await expect(main).toContainText('GGUF');
  await expect(main).toContainText('from the shapes of the tensors');
  const digest = createHash('sha256').update(new Uint8Array(readFileSync(tinyModel()))).digest('hex');
  await expect(main).toContainText(digest);
  await page.getByRole('button', { name: 'Read the files' }).click();
  await expect(page.getByRole('button', { name: 'Read the files' })).toBeEnabled();
  await expect(main).toContainText(digest);
});
