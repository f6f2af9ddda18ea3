import { expect, test } from '../fixtures/test.ts';
import { expectAllDrawn } from '../fixtures/charts.ts';
import { BenchmarkPage } from '../pages/benchmark.ts';
import { choice, field } from '../pages/fields.ts';
import { EVALUATION, REFERENCE_MODEL, REFERENCE_PRESET, THIS_MACHINE, Wizard } from '../pages/wizard.ts';

const PHONE = { width: 390, height: 844 };
const DESK = { width: 1440, height: 900 };

test('an open loop that asks for too much is called so, and fits a phone', async ({ signedIn: page }) => {
  const wizard = new Wizard(page);
  await wizard.start();
  await wizard.answerBasicInfo({ name: 'More than it can do', concurrency: 1 });

  await test.step('the preview waits for valid values, and says for which', async () => {
    const step = wizard.step(EVALUATION);
    const waits = step.getByText('The preview waits for valid values.');
    await choice(step, 'Load shape', 'Open loop, constant').check();
    await expect(waits).toBeHidden();
    await field(step, 'Rate').fill('0');
    await expect(waits).toContainText('Rate: Give the requests per second');
    await field(step, 'Rate').fill('40');
    await expect(waits).toBeHidden();
    await field(step, 'Most in flight').fill('2');
    await field(step, 'Ramp').fill('1');
    await field(step, 'Objectives').fill('ttft_ms<=200@p90');
    await wizard.answerEvaluation({ prompt: '16', answer: '8', requests: 200, warmUp: 2 });
  });

  await wizard.answerCluster(THIS_MACHINE);
  await wizard.answerNodes();
  // Two slots of 95 ms: about twenty requests a second.
  const engine = { preset: REFERENCE_PRESET, arguments: '--ttft-ms 60 --itl-ms 5 --slots 2' };
  await wizard.answerModel({ model: REFERENCE_MODEL, engine });
  await wizard.confirm();
  await wizard.execute();

  const benchmark = new BenchmarkPage(page);
  await benchmark.expectResult();
  const main = page.getByRole('main');
  await expect(main).toContainText('The objective was missed: TTFT from schedule p90 at most 200 ms.');
  await expect(main).toContainText(/40 requests\/s were asked for, \d+(\.\d+)?\/s were answered: the queue grew to the end\./);
  await expect(main).toContainText(/\d+ arrivals waited in the client/);
  await expect(main).not.toContainText('Nothing speaks against');
  await expect(main.getByRole('figure').filter({ hasText: 'TTFT over time' })).toContainText('From schedule p50');
  await expectAllDrawn(main);

  await page.setViewportSize(PHONE);
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  expect(width).toBeLessThanOrEqual(PHONE.width);
  // No figure leaves its card.
  const leaving = await benchmark.figures.locator('.metric-card').evaluateAll((cards) =>
    cards.filter((card) => card.scrollWidth > card.clientWidth).map((card) => card.textContent),
  );
  expect(leaving).toEqual([]);
  await page.setViewportSize(DESK);
});
