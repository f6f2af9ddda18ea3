import { startEngine } from '../fixtures/llama.ts';
import { waitForHydration } from '../fixtures/hydration.ts';
import { expect, test } from '../fixtures/test.ts';
import { BenchmarkPage } from '../pages/benchmark.ts';
import { CataloguePage } from '../pages/catalogue.ts';
import { choice, expectMessage, field } from '../pages/fields.ts';
import { CONFIRM, CREDENTIAL, EVALUATION, MODEL, Wizard } from '../pages/wizard.ts';

const RIGHT_KEY = 'sk-right-key-0815';
const WRONG_KEY = 'sk-wrong-key-4711';

test('a credential is tested, rotated, and sent by the benchmark of a cloud model', async ({ signedIn: page, visit }) => {
  const engine = await startEngine(2, RIGHT_KEY);
  try {
    const catalogue = new CataloguePage(page);
    const main = page.getByRole('main');

    await test.step('it is made, tested and rotated', async () => {
      await catalogue.addCredential({ name: 'Provider', baseUrl: `${engine.url}/v1`, key: WRONG_KEY });
      await catalogue.testCredential('Refused');
      await field(main, 'New key').fill(RIGHT_KEY);
      await main.getByRole('button', { name: 'Rotate the key' }).click();
      await expect(page.locator('.page-badges')).not.toContainText('Refused');
      await catalogue.testCredential('Accepted');
      const body = page.locator('body');
      await expect(body).not.toContainText(WRONG_KEY);
      await expect(body).not.toContainText(RIGHT_KEY);
      await expect(main).toContainText('Nothing uses it');
    });

    await test.step('another address needs the key again', async () => {
      await field(main, 'Base URL').fill('https://evil.example');
      await main.getByRole('button', { name: 'Save' }).click();
      await expectMessage(field(main, 'Key'), 'Give the key again');
    });

    await catalogue.addCredential({ name: 'Elsewhere', baseUrl: 'https://api.example.com/v1', key: WRONG_KEY });
    await catalogue.addEndpoint({ name: 'Gateway', baseUrl: engine.url });
    await catalogue.addModel({ name: 'Cloud tiny', servedName: engine.model, provider: 'llama' });

    const wizard = new Wizard(page);
    await test.step('step 6 offers what fits and says why the other does not', async () => {
      await wizard.start();
      await wizard.answerBasicInfo({ name: 'Cloud run', concurrency: 2 });
      await wizard.answerEvaluation({ prompt: '32', answer: '8', requests: 20, warmUp: 0 });
      await wizard.answerCluster('Gateway');
      await wizard.answerNodes();
      await wizard.answerModel({ model: 'Cloud tiny', credential: 'Provider' });
      const step = wizard.step(CREDENTIAL);
      await expect(choice(step, 'Credential', 'Elsewhere')).toBeDisabled();
      await expect(step).toContainText('is only sent to https://api.example.com');
      await wizard.answerCredential('Provider');
      await expect(wizard.step(CONFIRM)).toContainText('a sealed credential');
      await expect(wizard.step(CONFIRM)).toContainText('not known: the model\'s entry has no price');
    });

    const id = await test.step('the run ends with a result', async () => {
      await wizard.confirm();
      const id = await wizard.execute();
      await new BenchmarkPage(page).expectResult();
      return id;
    });

    await test.step('the benchmark stands with the credential, which cannot be deleted any more', async () => {
      await visit('/credentials');
      await page.getByRole('link', { name: 'Provider', exact: true }).click();
      await expect(page.getByRole('table', { name: 'Benchmarks that use it' })).toContainText('Cloud run');
      await expect(page.getByRole('button', { name: 'Delete…' })).toHaveCount(0);
    });

    await test.step('starting from it keeps the credential', async () => {
      await visit(`/benchmarks/${id}`);
      await page.getByRole('button', { name: 'Start from this' }).click();
      await wizard.expectStep(CONFIRM);
      await wizard.goTo(CREDENTIAL, 'Credential');
      await expect(choice(wizard.step(CREDENTIAL), 'Credential', 'Provider')).toBeChecked();
    });
  } finally {
    await engine.stop();
  }
});

test('what a provider is sent has a limit, and its price is shown before the run', async ({ signedIn: page, visit }) => {
  const engine = await startEngine(1, RIGHT_KEY);
  try {
    const catalogue = new CataloguePage(page);
    const main = page.getByRole('main');
    await catalogue.addCredential({ name: 'Metered key', baseUrl: engine.url, key: RIGHT_KEY });
    await catalogue.addEndpoint({ name: 'Metered', baseUrl: engine.url });
    await catalogue.addModel({ name: 'Metered tiny', servedName: engine.model, provider: 'llama', prices: ['2000', '10000'] });

    await test.step('half a price is refused at its field', async () => {
      await page.getByRole('rowheader', { name: 'Metered tiny' }).getByRole('link').click();
      await expect(main).toContainText('$2,000.00 for a million tokens of prompts, $10,000.00 of answers');
      await field(main, 'Price of answers').fill('');
      await main.getByRole('button', { name: 'Save' }).click();
      await expectMessage(field(main, 'Price of answers'), 'Give both prices, or none.');
    });

    const wizard = new Wizard(page);
    const step = wizard.step(CREDENTIAL);
    await test.step('limits are asked for and checked', async () => {
      await wizard.start();
      await wizard.answerBasicInfo({ name: 'Metered run', concurrency: 1 });
      await wizard.answerEvaluation({ prompt: '32', answer: '8', requests: 20, warmUp: 2 });
      await wizard.answerCluster('Metered');
      await wizard.answerNodes();
      await wizard.answerModel({ model: 'Metered tiny', credential: 'Metered key' });
      await expect(field(step, 'Most requests')).toHaveAttribute('placeholder', '44');
      await field(step, 'Most requests').fill('0');
      await choice(step, 'Credential', 'Metered key').check();
      await step.getByRole('button', { name: 'Continue' }).click();
      await expectMessage(field(step, 'Most requests'), 'Give the most requests as a whole number');
      await field(step, 'Most requests').fill('7');
      await wizard.answerCredential('Metered key');
    });

    await test.step('the plan says what it may cost and what ends it', async () => {
      const confirm = wizard.step(CONFIRM);
      await expect(confirm).toContainText('704 tokens in 22 requests, warm-up included');
      // 704 × $0.002 and 176 × $0.01.
      await expect(confirm).toContainText('$3.17, if every answer is as long as it may be');
      await expect(confirm).toContainText('7 requests or');
      await expect(confirm).toContainText('The limit of 7 requests');
    });

    const id = await test.step('the result says that the limit ended it', async () => {
      await wizard.confirm();
      const id = await wizard.execute();
      await new BenchmarkPage(page).expectResult();
      await expect(main).toContainText('ended the load before its plan did: 7 requests went out, warm-up included');
      return id;
    });

    await test.step('starting from it keeps the limit', async () => {
      await visit(`/benchmarks/${id}`);
      await page.getByRole('button', { name: 'Start from this' }).click();
      await wizard.goTo(CREDENTIAL, 'Credential');
      await expect(field(step, 'Most requests')).toHaveValue('7');
    });
  } finally {
    await engine.stop();
  }
});

test('an endpoint sends a credential of the registry instead of a key of its own', async ({ signedIn: page }) => {
  const engine = await startEngine(1, RIGHT_KEY);
  try {
    const catalogue = new CataloguePage(page);
    const main = page.getByRole('main');
    await catalogue.addCredential({ name: 'Rack key', baseUrl: engine.url, key: RIGHT_KEY });
    await catalogue.addEndpoint({ name: 'Locked rack', baseUrl: engine.url });
    await expect(main).toContainText('wants a key');
    await field(main, 'Credential').selectOption({ label: `Rack key (${engine.url})` });
    await expect(field(main, 'API key')).toBeHidden();
    await main.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('link', { name: 'Locked rack' }).click();
    await expect(main).toContainText(`serves ${engine.model}`);
    await main.getByRole('link', { name: 'Rack key' }).click();
    await expect(main.getByRole('link', { name: 'Locked rack' })).toBeVisible();
  } finally {
    await engine.stop();
  }
});

test('a model that is no cloud model is not asked for a credential', async ({ signedIn: page }) => {
  const wizard = new Wizard(page);
  await wizard.start();
  await wizard.answerBasicInfo({ name: 'No credential', concurrency: 1 });
  await wizard.expectStep(EVALUATION);
  const steps = page.getByRole('navigation', { name: 'Steps' });
  await expect(steps).toContainText('only for cloud models');
  await page.goto(page.url().replace(/\d+$/, String(CREDENTIAL)));
  await waitForHydration(page);
  await expect(page.getByRole('main')).toContainText('Step 2 comes first');
  await expect(wizard.step(MODEL)).toHaveCount(0);
});

test('the login of a registry is sealed and goes to that registry alone', async ({ signedIn: page, visit }) => {
  const main = page.getByRole('main');
  await visit('/credentials/new');
  await expect(field(main, 'User')).toBeHidden();
  await field(main, 'Name').fill('Our images');
  await field(main, 'For').selectOption('registry_login');
  await field(main, 'Base URL').fill('ada@registry.example');
  await main.getByRole('button', { name: 'Add the credential' }).click();
  await expectMessage(field(main, 'User'), 'Give the user of the registry');
  await expectMessage(field(main, 'Base URL'), 'into their own fields');
  await expectMessage(field(main, 'Key, password or token'), 'Give the password or token.');
  await field(main, 'Base URL').fill('https://registry.example:5000/v2/');
  await field(main, 'User').fill('ada');
  await field(main, 'Key, password or token').fill(WRONG_KEY);
  await main.getByRole('button', { name: 'Add the credential' }).click();
  await expect(page.getByRole('heading', { name: 'Our images', level: 1 })).toBeVisible();
  await expect(main).toContainText('Images of registry.example:5000 are pulled with it');
  await expect(main).toContainText('registry login');
  await expect(field(main, 'Registry')).toHaveValue('registry.example:5000');
  await expect(field(main, 'User')).toHaveValue('ada');
  await expect(main.getByRole('button', { name: 'Test now' })).toHaveCount(0);
  await expect(page.locator('body')).not.toContainText(WRONG_KEY);
});
