import { DockerEngine, type WayOverTls } from '../fixtures/docker.ts';
import { expect, test as base } from '../fixtures/test.ts';
import { BenchmarkPage } from '../pages/benchmark.ts';
import { CataloguePage } from '../pages/catalogue.ts';
import { expectMessage, field } from '../pages/fields.ts';
import { Wizard } from '../pages/wizard.ts';

const test = base.extend<object, { docker: DockerEngine & { readonly tls: WayOverTls } }>({
  docker: [
    async ({}, use) => {
      const docker = await DockerEngine.startBehindTls();
      await use(docker);
      await docker.stop();
    },
    { scope: 'worker', timeout: 120_000 },
  ],
});

test('a machine that is reached through Docker over TLS is added, runs an engine, and is left as it was', async ({
  signedIn: page,
  visit,
  docker,
  consoleWatch,
}) => {
  // The server alone can tell that a key does not belong to a certificate.
  consoleWatch.expectComplaint(/status of 422/);
  const { address, ca, certificate, key } = docker.tls;
  const before = await docker.things();
  const main = page.getByRole('main');

  await test.step('the form tells what is wrong with a certificate at its field', async () => {
    await visit('/clusters');
    await main.getByRole('link', { name: 'Add machines' }).click();
    await field(main, 'Name').fill('Lab');
    await field(main, 'Reached by').selectOption('docker_tls');
    await field(main, 'Machines').fill(`${address} as gpu1`);
    await field(main, 'Certificate of the authority').fill(ca);
    await field(main, 'Certificate of this server').fill(ca);
    await field(main, 'Private key of this server').fill(key);
    await main.getByRole('button', { name: 'Add the machines' }).click();
    await expectMessage(field(main, 'Private key of this server'), 'does not belong to');
    await expect(field(main, 'Private key of this server')).toHaveValue(key);
  });

  await test.step('it is reached, and the key is in no page', async () => {
    await field(main, 'Certificate of this server').fill(certificate);
    await main.getByRole('button', { name: 'Add the machines' }).click();
    await expect(page.getByRole('heading', { name: 'Lab', level: 1 })).toBeVisible();
    await expect(main).toContainText(/Docker \S+ answers there\./);
    await expect(main).toContainText('Round trip');
    await expect(page.locator('body')).not.toContainText('PRIVATE KEY');
    await expect(field(main, 'Private key of this server')).toHaveValue('');
  });

  await new CataloguePage(page).addModel({ name: 'Tiny in an image', servedName: 'tiny' });
  await new Wizard(page).run({
    name: 'llama.cpp behind TLS',
    concurrency: 4,
    prompt: '32',
    answer: '16',
    requests: 40,
    warmUp: 4,
    cluster: 'Lab',
    model: 'Tiny in an image',
    engine: { preset: 'Custom command or image', container: { image: docker.image, port: 8080 } },
  });
  const benchmark = new BenchmarkPage(page);
  await benchmark.expectResult();
  expect(await docker.things()).toEqual(before);
  await benchmark.openTab('Log');
  await expect(benchmark.stage('Verify cluster connection')).toContainText(/a round trip takes \d+\.\d\d ms/);
  await expect(benchmark.stage('Clean up')).toContainText('One container was removed.');
  await benchmark.openTab('Manifest');
  await expect(main).toContainText(docker.image);
});
