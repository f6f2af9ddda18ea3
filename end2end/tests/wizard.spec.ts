import { expect, test } from '../fixtures/test.ts';
import { waitForHydration } from '../fixtures/hydration.ts';
import { choice, expectMessage, field } from '../pages/fields.ts';
import {
  BASIC_INFO,
  CLUSTER,
  CONFIRM,
  EVALUATION,
  EXECUTE,
  MODEL,
  NODES,
  REFERENCE_MODEL,
  REFERENCE_PRESET,
  THIS_MACHINE,
  Wizard,
} from '../pages/wizard.ts';

const LOAD = { prompt: '32', answer: '8', requests: 20, warmUp: 0 };

test('each step says what is wrong at its field, and goes on when it is corrected', async ({ signedIn: page }) => {
  const wizard = new Wizard(page);
  await wizard.start();

  await test.step('basic info', async () => {
    const step = wizard.step(BASIC_INFO);
    await field(step, 'Concurrent requests').fill('0');
    await wizard.submit(BASIC_INFO);
    await expect(step.getByRole('alert')).toContainText('2 answers need another look');
    await expectMessage(field(step, 'Name'), 'Give a name.');
    await expectMessage(field(step, 'Concurrent requests'), /Give the concurrent requests as a whole number from 1 to/);
    await wizard.answerBasicInfo({ name: 'Corrected everywhere', concurrency: 2 });
  });

  await test.step('evaluation', async () => {
    const step = wizard.step(EVALUATION);
    await choice(step, 'Load shape', 'Open loop, gamma').check();
    await field(step, 'Rate').fill('10');
    await field(step, 'Measured requests').fill('600');
    await expect(step.getByText(/600 measured requests in about 1 m\./)).toBeVisible();
    await expect(step.getByRole('heading', { name: 'How it begins' })).toBeVisible();
    await expect(step.getByRole('heading', { name: 'Prompt lengths' })).toBeVisible();
    await field(step, 'Burstiness').fill('0');
    await field(step, 'Objectives').fill('ttft<200');
    await wizard.submit(EVALUATION);
    await expectMessage(field(step, 'Burstiness'), 'Give the burstiness as a number from');
    await expectMessage(field(step, 'Objectives'), 'is no metric of an objective');
    await field(step, 'Objectives').fill('');
    await field(step, 'Prompt length').fill('many');
    await field(step, 'Measured requests').fill('0');
    await choice(step, 'Load shape', 'Open loop, Poisson').check();
    await field(step, 'Rate').fill('0');
    await wizard.submit(EVALUATION);
    await expectMessage(field(step, 'Prompt length'), /512/);
    await expectMessage(field(step, 'Measured requests'), 'Give the measured requests as a whole number from 1 to');
    await expectMessage(field(step, 'Rate'), 'Give the requests per second as a number from');
    await choice(step, 'Load shape', 'Closed loop').check();
    await expect(field(step, 'Rate')).toBeHidden();
    await wizard.answerEvaluation(LOAD);
  });

  await test.step('cluster', async () => {
    await wizard.submit(CLUSTER);
    const group = wizard.step(CLUSTER).getByRole('group', { name: 'Cluster', exact: true });
    await expectMessage(group, 'Choose a cluster.');
    await wizard.answerCluster(THIS_MACHINE);
  });

  await test.step('nodes', async () => {
    const step = wizard.step(NODES);
    await step.getByRole('checkbox').uncheck();
    await wizard.submit(NODES);
    await expectMessage(step.getByRole('group', { name: 'Nodes of This machine' }), 'Choose at least one node.');
    await step.getByRole('checkbox').check();
    await wizard.continueFrom(NODES);
  });

  await test.step('model and engine', async () => {
    const step = wizard.step(MODEL);
    await choice(step, 'Model', REFERENCE_MODEL).check();
    await choice(step, 'Engine', 'vLLM').check();
    await field(step, 'Must answer within').fill('0');
    await wizard.submit(MODEL);
    await expectMessage(field(step, 'Must answer within'), 'Give the time to be ready in seconds as a whole number');

    await field(step, 'Must answer within').fill('30');
    await wizard.submit(MODEL);
    const models = step.getByRole('group', { name: 'Model', exact: true });
    await expectMessage(models, 'This entry stands for the reference engine: choose that engine, or a model.');

    await choice(step, 'Engine', 'Custom command or image').check();
    await field(step, 'Arguments').fill('serve --port 8000');
    await wizard.submit(MODEL);
    await expectMessage(field(step, 'Arguments'), 'Put {port} where the command takes its port.');
    await wizard.answerModel({ model: REFERENCE_MODEL, engine: { preset: REFERENCE_PRESET } });
  });

  await test.step('confirm', async () => {
    const step = wizard.step(CONFIRM);
    await wizard.submit(CONFIRM);
    await expectMessage(field(step, 'This is the plan I want to run'), 'Confirm the plan to go on.');
    await expect(step).toContainText('closed loop: 2 users');
    await expect(step).toContainText('after 20 measured requests');
    await wizard.confirm();
  });

  await expect(wizard.step(EXECUTE)).toContainText('on This machine');
});

test('a draft left at step 4 is gone on with in another browser session', async ({ signedIn: page, otherSession }) => {
  const wizard = new Wizard(page);
  await wizard.start();
  await wizard.answerBasicInfo({ name: 'Left half-way', concurrency: 3 });
  await wizard.answerEvaluation(LOAD);
  await wizard.answerCluster(THIS_MACHINE);
  await wizard.expectStep(NODES);

  const other = await otherSession();
  await other.goto('/new');
  const draft = other.getByRole('row').filter({ hasText: 'Left half-way' });
  await expect(draft).toContainText('4. Nodes');
  await draft.getByRole('link', { name: 'Continue' }).click();
  const resumed = new Wizard(other);
  await resumed.expectStep(NODES);
  await resumed.answerNodes();
  await resumed.answerModel({ model: REFERENCE_MODEL, engine: { preset: REFERENCE_PRESET } });
  await expect(resumed.step(CONFIRM)).toContainText('closed loop: 3 users');
});

test('going back keeps the later answers that still hold', async ({ signedIn: page }) => {
  const wizard = new Wizard(page);
  await wizard.start();
  await wizard.answerBasicInfo({ name: 'Changed my mind', concurrency: 2 });
  await wizard.answerEvaluation(LOAD);
  await wizard.answerCluster(THIS_MACHINE);
  await wizard.answerNodes();
  await wizard.answerModel({ model: REFERENCE_MODEL, engine: { preset: REFERENCE_PRESET, arguments: '--itl-ms 3' } });
  await wizard.confirm();

  await wizard.goTo(EVALUATION, 'Evaluation');
  await expect(field(wizard.step(EVALUATION), 'Prompt length')).toHaveValue('32');
  await wizard.answerEvaluation({ ...LOAD, prompt: 'uniform:16..48' });
  await expect(choice(wizard.step(CLUSTER), 'Cluster', THIS_MACHINE)).toBeChecked();
  await wizard.continueFrom(CLUSTER);
  await wizard.answerNodes();
  await expect(field(wizard.step(MODEL), 'Arguments')).toHaveValue('--itl-ms 3');
  await wizard.continueFrom(MODEL, CONFIRM);
  const confirm = wizard.step(CONFIRM);
  await expect(confirm).toContainText('16 to 48 tokens');
  await expect(field(confirm, 'This is the plan I want to run')).not.toBeChecked();
});

test('a draft is discarded', async ({ signedIn: page, consoleWatch }) => {
  consoleWatch.expectComplaint(/status of 404/);
  const wizard = new Wizard(page);
  await wizard.start();
  await wizard.answerBasicInfo({ name: 'Not needed', concurrency: 2 });
  const address = page.url();

  await page.goto('/new');
  await waitForHydration(page);
  const draft = page.getByRole('row').filter({ hasText: 'Not needed' });
  await draft.getByText('Discard…', { exact: true }).click();
  await draft.getByRole('button', { name: 'Discard this draft' }).click();
  await expect(draft).toHaveCount(0);

  await page.goto(address);
  await expect(page.getByRole('heading', { name: 'Nothing stands at this address' })).toBeVisible();
  await expect(page.getByRole('main')).toContainText('There is no such draft.');
});

test('of two sessions on one draft, the later save is refused and nothing is overwritten', async ({
  signedIn: page,
  otherSession,
  consoleWatch,
}) => {
  consoleWatch.expectComplaint(/status of 409/);
  const wizard = new Wizard(page);
  await wizard.start();
  await wizard.answerBasicInfo({ name: 'Shared', concurrency: 2 });

  const other = await otherSession();
  await other.goto(page.url());
  await waitForHydration(other);
  await new Wizard(other).answerEvaluation({ ...LOAD, prompt: '100' });

  const step = wizard.step(EVALUATION);
  await field(step, 'Prompt length').fill('200');
  await wizard.submit(EVALUATION);
  await expect(page.getByRole('alert')).toContainText('This step was not saved');
  await expect(page.getByRole('alert')).toContainText('changed in another window');
  await expect(field(step, 'Prompt length')).toHaveValue('200');
  await page.getByRole('link', { name: 'Reload this step' }).click();
  await expect(field(step, 'Prompt length')).toHaveValue('100');
});

test('a benchmark starts from an earlier one', async ({ signedIn: page, finishedRun, visit }) => {
  await visit(`/benchmarks/${finishedRun.id}`);
  await page.getByRole('button', { name: 'Start from this' }).click();
  const wizard = new Wizard(page);
  await wizard.expectStep(CONFIRM);
  await expect(wizard.step(CONFIRM)).toContainText(`closed loop: ${finishedRun.answers.concurrency} users`);
  await wizard.goTo(BASIC_INFO, 'Basic info');
  await expect(field(wizard.step(BASIC_INFO), 'Name')).toHaveValue(finishedRun.answers.name);
  await expect(field(wizard.step(BASIC_INFO), 'Tags')).toHaveValue('overload, nightly');
});
