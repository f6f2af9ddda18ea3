import { waitForHydration } from '../fixtures/hydration.ts';
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
  await page.getByRole('button', { name: 'Check now' }).click();
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
