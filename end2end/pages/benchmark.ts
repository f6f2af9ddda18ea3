import { expect, type Locator, type Page } from '@playwright/test';

/** A run with its result, small as it is, is over by then. */
const RUN_TIMEOUT_MS = 60_000;

/** The page of one benchmark, live and afterwards. */
export class BenchmarkPage {
  readonly page: Page;
  readonly figures: Locator;
  readonly stages: Locator;
  readonly log: Locator;

  constructor(page: Page) {
    this.page = page;
    this.figures = page.getByRole('region', { name: 'Figures', exact: true });
    this.stages = page.locator('.stages');
    this.log = page.getByRole('log', { name: 'Log of the run' });
  }

  async expectStatus(label: string, timeout = RUN_TIMEOUT_MS): Promise<void> {
    await expect(this.page.locator('.page-badges')).toContainText(label, { timeout });
  }

  /** Waits on the open page until the result takes the place of the live view. */
  async expectResult(): Promise<void> {
    await expect(this.figures).toBeVisible({ timeout: RUN_TIMEOUT_MS });
    await this.expectStatus('Completed');
  }

  /** A stage, by its name. */
  stage(name: string): Locator {
    return this.stages.getByRole('listitem').filter({ hasText: name });
  }

  async expectStage(name: string, state: string): Promise<void> {
    await expect(this.stage(name).locator('.stage-name')).toHaveText(new RegExp(`, ${state}$`), {
      timeout: RUN_TIMEOUT_MS,
    });
  }

  async openTab(name: string): Promise<void> {
    const tab = this.page.getByRole('navigation', { name: 'Result', exact: true }).getByRole('link', { name });
    await tab.click();
    await expect(tab).toHaveAttribute('aria-current', 'page');
  }

  card(name: string): Locator {
    return this.figures.locator('section').filter({ has: this.page.getByRole('heading', { name, exact: true }) });
  }

  /** The big figure of a card, with every digit. */
  async headline(card: string): Promise<number> {
    return exactValue(this.card(card).locator('.metric-value .number'));
  }

  /** A small figure of a card, with every digit. */
  async detail(card: string, label: string): Promise<number> {
    const item = this.card(card).locator('.metric-details > div').filter({ has: this.page.getByText(label, { exact: true }) });
    return exactValue(item.locator('.number'));
  }
}

/** The value behind a rounded figure: "1,241.372918 ms" is 1241.372918. */
async function exactValue(figure: Locator): Promise<number> {
  const exact = await figure.getAttribute('data-exact');
  const [digits] = (exact ?? '').split(' ');
  return Number((digits ?? '').replaceAll(',', '').replace('−', '-'));
}
