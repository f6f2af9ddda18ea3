import { silentUrl } from '../fixtures/llama.ts';
import { processesOf } from '../fixtures/run_processes.ts';
import { expect, test } from '../fixtures/test.ts';
import { badge } from '../pages/badge.ts';
import { BenchmarkPage } from '../pages/benchmark.ts';
import { CataloguePage } from '../pages/catalogue.ts';
import { HistoryPage } from '../pages/history.ts';
import { CONFIRM, REFERENCE_MODEL, REFERENCE_PRESET, THIS_MACHINE, Wizard } from '../pages/wizard.ts';

const SMALL = { concurrency: 2, prompt: '16', answer: '8', requests: 10, warmUp: 0 };

test('a run against a port where nothing listens fails and says why', async ({ signedIn: page }) => {
  const baseUrl = await silentUrl();
  const catalogue = new CataloguePage(page);
  await catalogue.addEndpoint({ name: 'Silent endpoint', baseUrl });
  await expect(badge(page, 'Does not answer')).toBeVisible();
  await catalogue.addModel({ name: 'Nowhere served', servedName: 'nowhere' });

  const name = 'Nobody answers';
  await new Wizard(page).run({ ...SMALL, name, cluster: 'Silent endpoint', model: 'Nowhere served' });
  const benchmark = new BenchmarkPage(page);
  await benchmark.expectStatus('Failed');
  const reason = page.getByRole('alert');
  await expect(reason).toContainText('It failed at: Verify cluster connection.');
  await expect(reason).toContainText(baseUrl);
  await expect(reason).toContainText('nothing listens at that address and port');
  await expect(reason).toContainText('Start the engine there, or correct the base URL of the cluster.');
  await benchmark.expectStage('Verify cluster connection', 'failed');
  await benchmark.expectStage('Run benchmark', 'skipped');
  await benchmark.expectStage('Clean up', 'done');

  await page.getByRole('navigation', { name: 'Product' }).getByRole('link', { name: 'Benchmarks' }).click();
  const row = new HistoryPage(page).row(name);
  await expect(row).toContainText('Failed');
  await expect(row).toContainText(baseUrl);
});

test('an engine that ends by itself is quoted', async ({ signedIn: page }) => {
  const id = await new Wizard(page).run({
    ...SMALL,
    name: 'Unknown option',
    cluster: THIS_MACHINE,
    model: REFERENCE_MODEL,
    engine: { preset: REFERENCE_PRESET, arguments: '--no-such-option' },
  });
  const benchmark = new BenchmarkPage(page);
  await benchmark.expectStatus('Failed');
  const reason = page.getByRole('alert');
  await expect(reason).toContainText('It failed at: Verify deployment.');
  await expect(reason).toContainText('--no-such-option');
  expect(processesOf(id)).toEqual([]);

  await page.getByRole('button', { name: 'Start from this' }).click();
  const wizard = new Wizard(page);
  await wizard.expectStep(CONFIRM);
  await expect(page.getByRole('heading', { name: 'Unknown option', level: 1 })).toBeVisible();
});

test('a crash of the server in the middle of a run is recovered from without help', async ({
  signedIn: page,
  assay,
  consoleWatch,
}) => {
  // The live stream breaks off, and the browser tries it again until the server is back.
  consoleWatch.expectComplaint(/ERR_(CONNECTION_REFUSED|INCOMPLETE_CHUNKED_ENCODING|CONNECTION_RESET|EMPTY_RESPONSE)/);
  const id = await new Wizard(page).run({
    ...SMALL,
    name: 'Interrupted',
    answer: '20000',
    cluster: THIS_MACHINE,
    model: REFERENCE_MODEL,
    engine: { preset: REFERENCE_PRESET, arguments: '--itl-ms 10' },
  });
  const benchmark = new BenchmarkPage(page);
  await benchmark.expectStage('Run benchmark', 'running');
  await assay.crashAndRestart();

  await benchmark.expectStatus('Failed');
  await expect(page.getByRole('alert')).toContainText('The server was stopped while this stage was going on.');
  await benchmark.expectStage('Clean up', 'done');
  expect(processesOf(id)).toEqual([]);
});
