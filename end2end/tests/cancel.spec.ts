import { expectDrawn } from '../fixtures/charts.ts';
import { processesOf } from '../fixtures/run_processes.ts';
import { expect, test } from '../fixtures/test.ts';
import { BenchmarkPage } from '../pages/benchmark.ts';
import { HistoryPage } from '../pages/history.ts';
import { REFERENCE_MODEL, REFERENCE_PRESET, THIS_MACHINE, Wizard } from '../pages/wizard.ts';

/** A run is to be over two seconds after somebody cancelled it; the rest is for the page. */
const CANCELLED_WITHIN_MS = 5_000;

/** A few answers a second, for many minutes. */
const LONG_RUN = {
  concurrency: 4,
  prompt: '32',
  answer: '30',
  requests: 10_000,
  warmUp: 0,
  cluster: THIS_MACHINE,
  model: REFERENCE_MODEL,
  engine: { preset: REFERENCE_PRESET, arguments: '--ttft-ms 50 --itl-ms 10' },
};

test('a run is watched live and cancelled in the middle', async ({ signedIn: page, visit }) => {
  const id = await new Wizard(page).run({ ...LONG_RUN, name: 'To be cancelled' });
  const benchmark = new BenchmarkPage(page);

  await test.step('figures and charts follow the load', async () => {
    await benchmark.expectStage('Run benchmark', 'running');
    const figures = page.getByRole('region', { name: 'Live figures' });
    await expect(figures.locator('section').filter({ hasText: 'In flight' }).locator('.number')).toHaveText('4');
    await expect(figures.locator('section').filter({ hasText: 'TTFT p50' }).locator('.number')).toHaveText(/^\d/);
    await expectDrawn(page.getByRole('img', { name: /^Throughput and requests in flight/ }));
    await expectDrawn(page.getByRole('img', { name: /^Time to first token/ }));
    expect(processesOf(id).length).toBeGreaterThan(1);
  });

  await test.step('the page of its cluster tells what runs there', async () => {
    await visit('/clusters');
    const main = page.getByRole('main');
    await main.getByRole('link', { name: THIS_MACHINE }).click();
    const work = main.locator('.key-value > div').filter({ hasText: 'Runs there now' });
    await expect(work).toContainText('Run benchmark since');
    await expect(main).toContainText('Reachable');
    await expect(main).toContainText('In use');
    await work.getByRole('link', { name: 'To be cancelled' }).click();
    await benchmark.expectStage('Run benchmark', 'running');
  });

  await test.step('the question can be declined', async () => {
    await page.getByRole('button', { name: 'Cancel run' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Let it run' }).click();
    await expect(page.getByRole('dialog')).toBeHidden();
    await benchmark.expectStage('Run benchmark', 'running');
  });

  await test.step('it ends at once, with everything that was started', async () => {
    await page.getByRole('button', { name: 'Cancel run' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel the run' }).click();
    await benchmark.expectStatus('Cancelled', CANCELLED_WITHIN_MS);
    await expect(page.getByText('Cancelled by ada.')).toBeVisible();
    expect(processesOf(id)).toEqual([]);
    await benchmark.expectStage('Run benchmark', 'cancelled');
    await benchmark.expectStage('Clean up', 'done');
  });

  await test.step('the history shows it', async () => {
    await page.getByRole('navigation', { name: 'Product' }).getByRole('link', { name: 'Benchmarks' }).click();
    await expect(new HistoryPage(page).row('To be cancelled')).toContainText('Cancelled');
  });
});

test('a run that waits for its node starts when the node is free', async ({ signedIn: page, otherSession }) => {
  await new Wizard(page).run({ ...LONG_RUN, name: 'Holds the machine' });
  const first = new BenchmarkPage(page);
  await first.expectStage('Run benchmark', 'running');

  const other = await otherSession();
  await new Wizard(other).run({ ...LONG_RUN, name: 'Waits for the machine', answer: '8', requests: 20 });
  const second = new BenchmarkPage(other);
  await second.expectStatus('Queued');
  await expect(other.getByText('Waiting for its turn: number 1 in the queue.')).toBeVisible();

  await page.getByRole('button', { name: 'Cancel run' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel the run' }).click();
  await first.expectStatus('Cancelled', CANCELLED_WITHIN_MS);
  await second.expectResult();
});
