import type { Page } from '@playwright/test';
import { expectDrawn } from '../fixtures/charts.ts';
import { waitForHydration } from '../fixtures/hydration.ts';
import { expect, test } from '../fixtures/test.ts';

test('the theme follows the choice of the reader, charts included, and is kept', async ({
  signedIn: page,
  finishedRun,
  visit,
}) => {
  await visit(`/benchmarks/${finishedRun.id}`);
  const chart = page.getByRole('img', { name: /^Time to first token\./ });
  await expectDrawn(chart);
  const paper = () => colourOfPaper(page);
  const picture = () => chart.locator('canvas').first().evaluate((canvas) => (canvas as HTMLCanvasElement).toDataURL());

  const themes = page.getByRole('group', { name: 'Theme' });
  await themes.getByRole('button', { name: 'Light' }).click();
  const light = { paper: await paper(), picture: await picture() };
  await themes.getByRole('button', { name: 'Dark' }).click();
  await expect.poll(paper).not.toBe(light.paper);
  await expect.poll(picture).not.toBe(light.picture);
  const dark = await paper();

  await page.reload();
  await waitForHydration(page);
  await expect(themes.getByRole('button', { name: 'Dark' })).toHaveAttribute('aria-pressed', 'true');
  expect(await paper()).toBe(dark);
});

test('without a choice the theme follows the system', async ({ signedIn: page, visit }) => {
  const paper = () => colourOfPaper(page);
  await page.emulateMedia({ colorScheme: 'light' });
  await visit('/');
  const light = await paper();
  await page.emulateMedia({ colorScheme: 'dark' });
  await expect.poll(paper).not.toBe(light);
});

test('on a narrow screen the menu leads to every page, and nothing is wider than the screen', async ({
  signedIn: page,
  finishedRun,
  visit,
}) => {
  await page.setViewportSize({ width: 390, height: 844 });
  const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  for (const address of ['/', `/benchmarks/${finishedRun.id}`, '/models', '/clusters', '/new', '/settings', '/definitions']) {
    await visit(address);
    expect(await overflow(), address).toBeLessThanOrEqual(0);
  }
  await page.getByText('Menu', { exact: true }).click();
  await page.getByRole('link', { name: 'Models' }).click();
  await expect(page.getByRole('heading', { name: 'Models', level: 1 })).toBeVisible();
  await expect(page.getByRole('link', { name: 'Settings' })).toBeHidden();
});

function colourOfPaper(page: Page): Promise<string> {
  return page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
}
