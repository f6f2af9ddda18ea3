import { expect, test } from '../fixtures/test.ts';
import { waitForHydration } from '../fixtures/hydration.ts';
import { BenchmarkPage } from '../pages/benchmark.ts';
import { box, choice, expectMessage, field } from '../pages/fields.ts';
import {
  BASIC_INFO,
  CONFIRM,
  EVALUATION,
  REFERENCE_MODEL,
  REFERENCE_PRESET,
  THIS_MACHINE,
  Wizard,
} from '../pages/wizard.ts';
import type { Page } from '@playwright/test';

const BUILT_IN = 'Built-in prompts, edition 1';
const IMPORTED = 'Questions of the test';
const ENGINE = { preset: REFERENCE_PRESET, arguments: '--ttft-ms 5 --itl-ms 1' };

test('a benchmark of several datasets with a fixed seed sends the same prompts in the same order', async ({
  signedIn: page,
}) => {
  await importQuestions(page);
  const wizard = new Wizard(page);
  const benchmark = new BenchmarkPage(page);

  await wizard.start();
  const basics = wizard.step(BASIC_INFO);
  await field(basics, 'Name').fill('Two datasets, seed 7');
  await field(basics, 'Concurrent requests').fill('4');
  await choice(basics, 'Evaluation method', 'Dataset').check();
  await wizard.continueFrom(BASIC_INFO);

  const step = wizard.step(EVALUATION);
  const group = step.getByRole('group', { name: 'Datasets', exact: true });
  await box(step, 'Datasets', BUILT_IN).uncheck();
  await box(step, 'Datasets', IMPORTED).uncheck();
  await wizard.submit(EVALUATION);
  await expectMessage(group, 'Choose at least one dataset.');
  await box(step, 'Datasets', BUILT_IN).check();
  await box(step, 'Datasets', IMPORTED).check();
  await expect(step.getByRole('heading', { name: `Prompts of ${IMPORTED}` })).toBeVisible();
  await field(step, 'Answers are').selectOption('As long as each row says, capped');
  await field(step, 'Answer length').fill('8');
  await field(step, 'Measured requests').fill('30');
  await field(step, 'Warm-up').fill('4');
  await field(step, 'Seed').fill('7');
  await wizard.continueFrom(EVALUATION);
  await wizard.answerCluster(THIS_MACHINE);
  await wizard.answerNodes();
  await wizard.answerModel({ model: REFERENCE_MODEL, engine: ENGINE });
  await expect(wizard.step(CONFIRM)).toContainText('none is repeated before all were sent');
  await expect(wizard.step(CONFIRM)).toContainText(`${IMPORTED}, 12 rows`);
  await wizard.confirm();
  const first = await wizard.execute();
  await benchmark.expectResult();
  const digest = await promptsDigest(page);

  await page.goto(`/new?from=${first}`);
  await waitForHydration(page);
  await page.getByRole('button', { name: 'Start from “Two datasets, seed 7”' }).click();
  await wizard.expectStep(CONFIRM);
  await wizard.goTo(EVALUATION, 'Evaluation');
  await expect(box(step, 'Datasets', BUILT_IN)).toBeChecked();
  await expect(box(step, 'Datasets', IMPORTED)).toBeChecked();
  await page.goBack();
  await wizard.expectStep(CONFIRM);
  await wizard.confirm();
  const second = await wizard.execute();
  expect(second).not.toBe(first);
  await benchmark.expectResult();
  expect(await promptsDigest(page)).toBe(digest);

  const requests = await page.request.get(`/benchmarks/${second}/requests.csv`);
  const [heading, ...rows] = (await requests.text()).trimEnd().split('\n');
  expect(heading?.split(',').at(-1)).toBe('dataset_id');
  const ids = rows.map((row) => row.split(',').at(-1));
  expect(ids).toHaveLength(34);
  expect(new Set(ids).size).toBe(2);
});

async function importQuestions(page: Page): Promise<void> {
  const rows = Array.from({ length: 12 }, (_, number) =>
    JSON.stringify({ prompt: `What is ${number} times ${number}?`, output_tokens: number + 2 }),
  );
  await page.goto('/datasets/new');
  await waitForHydration(page);
  const form = page.getByRole('main');
  await field(form, 'Name').fill(IMPORTED);
  await form.locator('input[type="file"]').setInputFiles({
    name: 'questions.jsonl',
    mimeType: 'application/jsonl',
    buffer: Buffer.from(`${rows.join('\n')}\n`),
  });
  await form.getByRole('button', { name: 'Import' }).click();
  await expect(page.getByRole('heading', { name: IMPORTED, level: 1 })).toBeVisible();
  await expect(page.locator('.page-badges')).toContainText('Ready');
}

/** The digest of the prompts in their order, from the manifest of the open result. */
async function promptsDigest(page: Page): Promise<string> {
  await new BenchmarkPage(page).openTab('Manifest');
  const fact = page.locator('dt', { hasText: 'Prompts in their order' }).locator('xpath=following-sibling::dd[1]');
  const digest = await fact.locator('.digest').textContent();
  expect(digest).toMatch(/^[0-9a-f]{64}$/);
  return digest ?? '';
}
