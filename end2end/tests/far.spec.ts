import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { copyFileSync, existsSync, mkdtempSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Page } from '@playwright/test';
import { AssayServer } from '../fixtures/assay.ts';
import { Link } from '../fixtures/link.ts';
import { assayProgram, llamaServerScript, pythonProgram, tinyModel, tinyTokenizer } from '../fixtures/paths.ts';
import { processesOf } from '../fixtures/run_processes.ts';
import { Sshd } from '../fixtures/sshd.ts';
import { expect, test as base } from '../fixtures/test.ts';
import { BenchmarkPage } from '../pages/benchmark.ts';
import { CataloguePage } from '../pages/catalogue.ts';
import { field } from '../pages/fields.ts';
import { Wizard, type Answers } from '../pages/wizard.ts';

const MODEL_BYTES = 12 << 20;
const SLOW_BYTES_PER_S = 2 << 20;

/** A machine over SSH with the way to it, and a model of several files for it. */
interface Far {
  readonly sshd: Sshd;
  readonly link: Link;
  readonly modelFolder: string;
}

const test = base.extend<object, { far: Far; program: string }>({
  far: [
    async ({}, use) => {
      const sshd = await Sshd.start();
      const link = await Link.to(sshd.port);
      const folder = mkdtempSync(path.join(tmpdir(), 'assay-model-'));
      const modelFolder = path.join(folder, 'tiny model');
      mkdirSync(modelFolder);
      copyFileSync(tinyModel(), path.join(modelFolder, 'model.gguf'));
      writeFileSync(path.join(modelFolder, 'more.bin'), new Uint8Array(randomBytes(MODEL_BYTES)));
      await use({ sshd, link, modelFolder });
      link.stop();
      await sshd.stop();
      rmSync(folder, { recursive: true, force: true });
    },
    { scope: 'worker' },
  ],
  // Without its symbols, which are most of it: it is sent to the machine.
  program: [
    async ({}, use) => {
      const folder = mkdtempSync(path.join(tmpdir(), 'assay-program-'));
      const program = path.join(folder, 'assay');
      execFileSync('strip', ['-o', program, assayProgram()]);
      await use(program);
      rmSync(folder, { recursive: true, force: true });
    },
    { scope: 'worker' },
  ],
  assay: [
    async ({ database, program }, use) => {
      const server = await AssayServer.start(database, [], program);
      await use(server);
      await server.stop();
    },
    { scope: 'worker' },
  ],
});

const ENGINE = [
  pythonProgram(),
  llamaServerScript,
  '--model {model}/model.gguf',
  '--alias {served_name}',
  '--port {port}',
  '--parallel 4',
].join(' ');

const ANSWERS: Omit<Answers, 'name'> = {
  concurrency: 4,
  prompt: '32',
  answer: '16',
  requests: 40,
  warmUp: 4,
  cluster: 'Rack',
  model: 'Tiny folder',
  engine: { preset: 'Custom command or image', arguments: ENGINE },
};

/** What is left of runs on the machine: their folders. */
function runFolders({ sshd }: Far): string[] {
  const runs = path.join(sshd.home, '.assay/runs');
  const instances = existsSync(runs) ? readdirSync(runs) : [];
  return instances.flatMap((instance) => readdirSync(path.join(runs, instance)));
}

async function addMachine(page: Page, { sshd, link }: Far): Promise<void> {
  const main = page.getByRole('main');
  await main.getByRole('link', { name: 'Add machines' }).click();
  await field(main, 'Name').fill('Rack');
  await field(main, 'Machines').fill(`127.0.0.1:${link.port} as gpu1`);
  await field(main, 'Account').fill(sshd.user);
  await field(main, 'Private key').fill(sshd.privateKey);
  await main.getByRole('button', { name: 'Add the machines' }).click();
  await main.getByRole('button', { name: 'Accept this key' }).click();
  await expect(main).toContainText('It can be signed in to.');
}

// One after the other: each goes on where the one before left the machine.
test.describe.configure({ mode: 'serial' });

test('a model is sent to a machine over SSH, its engine started there, measured, and stopped', async ({
  signedIn: page,
  visit,
  far,
}) => {
  await visit('/clusters');
  await addMachine(page, far);
  await new CataloguePage(page).addModel({
    name: 'Tiny folder',
    servedName: 'tiny-from-folder',
    path: far.modelFolder,
    tokenizer: tinyTokenizer(),
  });
  far.link.limit(SLOW_BYTES_PER_S);
  const id = await new Wizard(page).run({ ...ANSWERS, name: 'llama.cpp over SSH' });
  const benchmark = new BenchmarkPage(page);

  await test.step('the transfer tells how far it is', async () => {
    const transfer = benchmark.stage('Transfer model');
    await expect(transfer).toContainText(/ of \d+\.\d MiB/);
    await expect
      .poll(() => transfer.getByRole('progressbar').evaluate((bar) => (bar as HTMLProgressElement).value))
      .toBeGreaterThan(0.1);
    far.link.limit(Infinity);
  });

  await test.step('the engine runs there, and is gone at the end', async () => {
    await expect.poll(() => processesOf(id).length, { message: 'processes of the run' }).toBeGreaterThan(0);
    await benchmark.expectResult();
    expect(processesOf(id)).toEqual([]);
    expect(runFolders(far)).toEqual([]);
  });

  await test.step('the log is that of the engine', async () => {
    await benchmark.openTab('Log');
    for (const stage of ['Transfer model', 'Deploy engine', 'Verify deployment', 'Run benchmark', 'Clean up']) {
      await benchmark.expectStage(stage, 'done');
    }
    await expect(benchmark.stage('Transfer model')).toContainText('were sent to');
    await expect(benchmark.stage('Clean up')).toContainText('stopped');
    // However much it wrote, it does not make the page endless.
    const box = await page.locator('.engine-log pre').boundingBox();
    expect(box?.height).toBeLessThan(600);
    const search = page.getByRole('searchbox', { name: 'Search the log' });
    await search.fill('READY ON HTTP');
    await expect(benchmark.log.getByRole('listitem')).toHaveCount(1);
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: 'Download' }).click(),
    ]);
    expect(await readFile(await download.path(), 'utf8')).toContain('ready on http://127.0.0.1:');
  });

  await test.step('the manifest says the way to the engine', async () => {
    await benchmark.openTab('Manifest');
    await expect(page.getByRole('main')).toContainText(/through an SSH link with a round trip of \d+\.\d\d ms/);
    await expect(page.getByRole('main')).toContainText('--alias tiny-from-folder');
  });
});

test('the load is made on the machine of the engine', async ({ signedIn: page, far }) => {
  const id = await new Wizard(page).run({ ...ANSWERS, name: 'Load beside the engine', loadFrom: 'gpu1' });
  const benchmark = new BenchmarkPage(page);
  await benchmark.expectResult();
  expect(processesOf(id)).toEqual([]);
  expect(runFolders(far)).toEqual([]);

  await benchmark.openTab('Log');
  await expect(benchmark.stage('Transfer model')).toContainText('has it already');
  await expect(benchmark.log).toContainText('of this program were sent to');
  await expect(benchmark.log).toContainText('The records were fetched from');
  await benchmark.openTab('Manifest');
  const main = page.getByRole('main');
  await expect(main).toContainText(/Load came from\s*gpu1/);
  await expect(main).not.toContainText('Way to the engine');
});

test('a run that failed is repeated with one click', async ({ signedIn: page, far }) => {
  const engine = { preset: 'Custom command or image', arguments: 'no-such-engine --port {port}' };
  const id = await new Wizard(page).run({ ...ANSWERS, name: 'No such engine', engine });
  const benchmark = new BenchmarkPage(page);
  await benchmark.expectStatus('Failed');
  await expect(page.getByRole('alert')).toContainText('no-such-engine');
  expect(runFolders(far)).toEqual([]);

  await page.getByRole('button', { name: 'Run again' }).click();
  await page.waitForURL((url) => /\/benchmarks\/[0-9a-f-]+$/.test(url.pathname) && !url.pathname.endsWith(id));
  await benchmark.expectStatus('Failed');
  const runs = page.getByRole('table', { name: 'Runs of this plan' });
  await expect(runs.getByRole('rowheader')).toHaveText([/Run 1/, /Run 2 this one/]);
});

test('a machine that is away at the end of a run is cleaned up when it is back', async ({
  signedIn: page,
  visit,
  far,
}) => {
  const id = await new Wizard(page).run({ ...ANSWERS, name: 'The cable is pulled', answer: '400', requests: 10_000 });
  const benchmark = new BenchmarkPage(page);
  await benchmark.expectStage('Run benchmark', 'running');
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('link', { name: 'Download the engine’s' }).click(),
  ]);
  expect(await readFile(await download.path(), 'utf8')).toContain('ready on http://127.0.0.1:');
  far.link.cut();
  await benchmark.expectStatus('Failed');
  const main = page.getByRole('main');
  await expect(main).toContainText('Clean-up of gpu1 is pending since');
  expect(processesOf(id).length).toBeGreaterThan(0);

  far.link.mend();
  await page.getByRole('button', { name: 'Run again' }).click();
  await page.waitForURL((url) => !url.pathname.endsWith(id));
  // Before it measures, a run removes what an earlier one left on its machine.
  await expect.poll(() => processesOf(id), { message: 'processes of the earlier run' }).toEqual([]);
  await benchmark.expectStage('Run benchmark', 'running');
  await page.getByRole('button', { name: 'Cancel run' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel the run' }).click();
  await benchmark.expectStatus('Cancelled');
  expect(runFolders(far)).toEqual([]);

  await visit(`/benchmarks/${id}`);
  await expect(main).toContainText('gpu1 was cleaned up later, on');
  await visit('/clusters');
  await main.getByRole('link', { name: 'Rack' }).click();
  await expect(main).not.toContainText('Clean-up pending');
});
