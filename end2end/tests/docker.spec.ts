import { AssayServer } from '../fixtures/assay.ts';
import { DockerEngine } from '../fixtures/docker.ts';
import { expect, test as base } from '../fixtures/test.ts';
import { BenchmarkPage } from '../pages/benchmark.ts';
import { CataloguePage } from '../pages/catalogue.ts';
import { THIS_MACHINE, Wizard } from '../pages/wizard.ts';

/** The server of these tests has a Docker Engine. */
const test = base.extend<object, { docker: DockerEngine }>({
  docker: [
    async ({}, use) => {
      const docker = await DockerEngine.start();
      await use(docker);
      await docker.stop();
    },
    { scope: 'worker', timeout: 120_000 },
  ],
  assay: [
    async ({ database, docker }, use) => {
      const server = await AssayServer.start(database, ['--docker-socket', docker.socket]);
      await use(server);
      await server.stop();
    },
    { scope: 'worker' },
  ],
});

interface Inspected {
  readonly State: { readonly Running: boolean };
  readonly Config: { readonly Labels: Record<string, string> };
  readonly HostConfig: {
    readonly CpusetCpus: string;
    readonly Memory: number;
    readonly Privileged: boolean;
    readonly PortBindings: Record<string, { readonly HostIp: string }[]>;
  };
}

test('an engine is started in a Docker container, measured, and removed', async ({ signedIn: page, docker }) => {
  const before = await docker.things();
  await new CataloguePage(page).addModel({ name: 'Tiny in an image', servedName: 'tiny' });
  const id = await new Wizard(page).run({
    name: 'llama.cpp in a container',
    concurrency: 4,
    prompt: '32',
    answer: '16',
    requests: 40,
    warmUp: 4,
    cluster: THIS_MACHINE,
    model: 'Tiny in an image',
    engine: {
      preset: 'Custom command or image',
      container: { image: docker.image, port: 8080, cpus: '0', memoryGib: '2' },
    },
  });

  const benchmark = new BenchmarkPage(page);
  const containers = () => docker.get<{ Id: string }[]>('/containers/json');
  await expect.poll(async () => (await containers()).length, { message: 'containers of the run' }).toBe(1);
  const [{ Id } = { Id: '' }] = await containers();
  const { State, Config, HostConfig } = await docker.get<Inspected>(`/containers/${Id}/json`);
  expect(State.Running).toBe(true);
  expect(Config.Labels).toMatchObject({
    'assay.instance': expect.stringMatching(/^[0-9a-f-]{36}$/),
    'assay.run': id,
    'org.assay.benchmark-name': 'llama.cpp in a container',
  });
  expect(HostConfig).toMatchObject({ CpusetCpus: '0', Memory: 2 ** 31, Privileged: false });
  expect(HostConfig.PortBindings['8080/tcp']).toMatchObject([{ HostIp: '127.0.0.1' }]);

  await benchmark.expectResult();
  expect(await docker.things()).toEqual(before);

  await benchmark.openTab('Log');
  for (const stage of ['Deploy engine', 'Verify deployment', 'Run benchmark', 'Clean up']) {
    await benchmark.expectStage(stage, 'done');
  }
  await expect(benchmark.stage('Deploy engine')).toContainText(`Container assay-${id}`);
  await expect(benchmark.stage('Clean up')).toContainText('One container was removed.');
  await expect(page.getByText('ready on http://0.0.0.0:8080').first()).toBeVisible();
  await benchmark.openTab('Manifest');
  await expect(page.getByRole('main')).toContainText(docker.image);
});
