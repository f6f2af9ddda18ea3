import { readFile } from 'node:fs/promises';

import { llamaServerScript, pythonProgram, tinyModel, tinyTokenizer } from '../fixtures/paths.ts';
import { processesOf } from '../fixtures/run_processes.ts';
import { expect, test } from '../fixtures/test.ts';
import { BenchmarkPage } from '../pages/benchmark.ts';
import { CataloguePage } from '../pages/catalogue.ts';
import { THIS_MACHINE, Wizard } from '../pages/wizard.ts';

test('an engine is started for the run on this machine, measured, and stopped', async ({ signedIn: page }) => {
  await new CataloguePage(page).addModel({
    name: 'Tiny file',
    servedName: 'tiny-from-file',
    path: tinyModel(),
    tokenizer: tinyTokenizer(),
  });
  const command = [
    pythonProgram(),
    llamaServerScript,
    '--model {model}',
    '--alias {served_name}',
    '--port {port}',
    '--parallel 4',
  ].join(' ');
  const id = await new Wizard(page).run({
    name: 'llama.cpp as a process',
    concurrency: 4,
    prompt: '32',
    answer: '16',
    requests: 40,
    warmUp: 4,
    cluster: THIS_MACHINE,
    model: 'Tiny file',
    engine: { preset: 'Custom command or image', arguments: command },
  });

  const benchmark = new BenchmarkPage(page);
  await expect.poll(() => processesOf(id).length, { message: 'processes of the run' }).toBeGreaterThan(0);
  await benchmark.expectResult();
  expect(processesOf(id)).toEqual([]);

  await benchmark.openTab('Log');
  for (const stage of ['Transfer model', 'Deploy engine', 'Verify deployment', 'Run benchmark', 'Clean up']) {
    await benchmark.expectStage(stage, 'done');
  }
  await expect(page.getByText('ready on http://127.0.0.1:').first()).toBeVisible();

  const log = page.getByRole('log', { name: 'Log of the run' });
  const search = page.getByRole('searchbox', { name: 'Search the log' });
  await search.fill('READY ON HTTP');
  await expect(log.getByRole('listitem')).toHaveCount(1);
  await search.fill('not in any line');
  await expect(log).toContainText('No line holds “not in any line”.');
  await search.fill('');
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('link', { name: 'Download' }).click(),
  ]);
  expect(download.suggestedFilename()).toBe(`assay-${id}-engine.log`);
  expect(await readFile(await download.path(), 'utf8')).toContain('ready on http://127.0.0.1:');

  await benchmark.openTab('Manifest');
  await expect(page.getByRole('main')).toContainText(`--alias tiny-from-file`);
});
