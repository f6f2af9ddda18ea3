import { readFileSync } from 'node:fs';
import type { Page } from '@playwright/test';
import { expectAllDrawn } from '../fixtures/charts.ts';
import { tinyTokenizer } from '../fixtures/paths.ts';
import { checkPercentiles } from '../fixtures/percentiles.ts';
import { expect, test } from '../fixtures/test.ts';
import { badge } from '../pages/badge.ts';
import { BenchmarkPage } from '../pages/benchmark.ts';
import { CataloguePage } from '../pages/catalogue.ts';
import { HistoryPage } from '../pages/history.ts';
import { Wizard } from '../pages/wizard.ts';

/** More than one page of the request table, warm-up included. */
const REQUESTS = 60;
const WARM_UP = 4;
const ROWS_OF_A_PAGE = 50;

const METRICS = ['Time to first token', 'Time per output token', 'Inter-token latency', 'End-to-end latency'];

test('a real engine is measured, from its address to a result that numpy confirms', async ({
  signedIn: page,
  engine,
}, testInfo) => {
  const name = 'llama.cpp through its endpoint';
  const catalogue = new CataloguePage(page);
  await catalogue.addEndpoint({ name: 'llama endpoint', baseUrl: engine.url });
  await expect(badge(page, 'Reachable')).toBeVisible();
  await catalogue.addModel({ name: 'Tiny llama', servedName: engine.model, tokenizer: tinyTokenizer() });

  await new Wizard(page).run({
    name,
    tags: 'real',
    concurrency: 4,
    prompt: '32',
    answer: '16',
    requests: REQUESTS,
    warmUp: WARM_UP,
    cluster: 'llama endpoint',
    model: 'Tiny llama',
  });
  const benchmark = new BenchmarkPage(page);

  await test.step('the live page turns into the result by itself', async () => {
    await benchmark.expectResult();
    await expect(page.getByText(`All ${REQUESTS} requests were answered.`)).toBeVisible();
  });

  await test.step('all charts are drawn', async () => {
    const titles = await expectAllDrawn(page.getByRole('main'));
    const distributions = METRICS.flatMap((metric) => [metric, `${metric}, cumulative`]);
    expect(titles).toEqual([
      'Run over time',
      'TTFT over time',
      'ITL over time',
      ...distributions,
      'TTFT against Sent at',
    ]);
  });

  await test.step('another pair of fields is drawn against each other, and stands in the address', async () => {
    await page.getByRole('combobox', { name: 'Across' }).selectOption('prompt_len');
    await expect(page).toHaveURL(/x=prompt_len/);
    await expect(page.getByRole('heading', { name: 'TTFT against Prompt length' })).toBeVisible();
  });

  const files = await test.step('the files are downloaded', async () => {
    await benchmark.openTab('Manifest');
    return {
      records: await download(page, 'Raw records (Parquet)', testInfo.outputPath('records.parquet')),
      csv: await download(page, 'Requests (CSV)', testInfo.outputPath('requests.csv')),
      result: await download(page, 'Result (JSON)', testInfo.outputPath('result.json')),
    };
  });

  await test.step('numpy finds the same figures in the raw records', () => {
    expect(checkPercentiles(files.records, files.result)).toMatch(/^\d{2,} figures agree$/);
    const lines = readFileSync(files.csv, 'utf8').trim().split('\n');
    expect(lines).toHaveLength(1 + WARM_UP + REQUESTS);
  });

  await test.step('the page shows the figures of the result', async () => {
    const { summary } = JSON.parse(readFileSync(files.result, 'utf8')) as { summary: Summary };
    expect(await benchmark.headline('Output throughput')).toBe(summary.output_tok_per_s);
    expect(await benchmark.headline('Duration')).toBe(summary.duration_s);
    expect(await benchmark.headline('Errors')).toBe(0);
    for (const [card, metric] of [
      ['TTFT', summary.ttft_ms],
      ['TPOT', summary.tpot_ms],
      ['E2E latency', summary.e2e_ms],
    ] as const) {
      expect(await benchmark.headline(card), `${card} p50`).toBe(metric.distribution.median);
      for (const percentile of ['p90', 'p95', 'p99'] as const) {
        expect(await benchmark.detail(card, percentile), `${card} ${percentile}`).toBe(metric.distribution[percentile]);
      }
    }
    expect(await benchmark.detail('Output throughput', 'req/s')).toBe(summary.request_per_s);
  });

  await test.step('the manifest says what was measured', async () => {
    const manifest = page.getByRole('main');
    await expect(manifest).toContainText(engine.url);
    await expect(manifest).toContainText('llama.cpp');
    await expect(manifest).toContainText("exact, by the model's tokenizer");
    await expect(manifest).toContainText('as the server reported them (usage)');
  });

  await test.step('the requests are paged and sorted in the address', async () => {
    await benchmark.openTab('Requests');
    const table = page.getByRole('table', { name: 'Requests' });
    const rows = table.locator('tbody tr');
    await expect(rows).toHaveCount(ROWS_OF_A_PAGE);
    await expect(rows.first()).toContainText('warm-up');

    await page.getByRole('link', { name: 'Next' }).click();
    await expect(rows).toHaveCount(WARM_UP + REQUESTS - ROWS_OF_A_PAGE);
    await expect(page).toHaveURL(/page=2/);

    const heading = table.getByRole('columnheader', { name: 'TTFT' });
    await heading.getByRole('link').click();
    await expect(heading).toHaveAttribute('aria-sort', 'descending');
    const slowestFirst = await ttftOf(page);
    expect(slowestFirst).toEqual([...slowestFirst].sort((a, b) => b - a));
    await heading.getByRole('link').click();
    await expect(heading).toHaveAttribute('aria-sort', 'ascending');
    await page.reload();
    const quickestFirst = await ttftOf(page);
    expect(quickestFirst).toEqual([...quickestFirst].sort((a, b) => a - b));
    expect(quickestFirst).toHaveLength(ROWS_OF_A_PAGE);
  });

  await test.step('the stages tell what happened', async () => {
    await benchmark.openTab('Log');
    for (const stage of ['Verify cluster connection', 'Verify deployment', 'Warm-up', 'Run benchmark', 'Collect']) {
      await benchmark.expectStage(stage, 'done');
    }
    for (const stage of ['Transfer model', 'Deploy engine']) {
      await benchmark.expectStage(stage, 'skipped');
    }
    await expect(benchmark.stage('Verify deployment')).toContainText(`serves ${engine.model}`);
  });

  await test.step('charts are drawn as well when the page is reached by a link', async () => {
    await page.getByRole('navigation', { name: 'Product' }).getByRole('link', { name: 'Benchmarks' }).click();
    const row = new HistoryPage(page).row(name);
    await expect(row).toContainText('Completed');
    await row.getByRole('link', { name }).click();
    await benchmark.expectResult();
    await expectAllDrawn(page.getByRole('main'));
    await page.goBack();
    await expect(row).toBeVisible();
    await page.goForward();
    await benchmark.expectResult();
    await expectAllDrawn(page.getByRole('main'));
  });
});

interface Distribution {
  readonly median: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
}

/** What the test reads of a result. */
interface Summary {
  readonly output_tok_per_s: number;
  readonly request_per_s: number;
  readonly duration_s: number;
  readonly ttft_ms: { readonly distribution: Distribution };
  readonly tpot_ms: { readonly distribution: Distribution };
  readonly e2e_ms: { readonly distribution: Distribution };
}

async function download(page: Page, link: string, path: string): Promise<string> {
  const [file] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('link', { name: link, exact: true }).click(),
  ]);
  await file.saveAs(path);
  return path;
}

/** The TTFT of every row shown, with every digit. */
async function ttftOf(page: Page): Promise<number[]> {
  const cells = page.getByRole('table', { name: 'Requests' }).locator('tbody tr td:nth-of-type(3) .number');
  return (await cells.all()).length === 0
    ? []
    : cells.evaluateAll((numbers) =>
        numbers.map((number) => Number(number.getAttribute('data-exact')?.split(' ')[0]?.replaceAll(',', ''))),
      );
}
