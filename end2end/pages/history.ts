import { expect, type Locator, type Page } from '@playwright/test';

/** The history, which is the home page. */
export class HistoryPage {
  readonly page: Page;
  readonly table: Locator;

  constructor(page: Page) {
    this.page = page;
    this.table = page.getByRole('table', { name: 'Benchmarks' });
  }

  row(name: string): Locator {
    return this.table.getByRole('row').filter({ has: this.page.getByRole('rowheader', { name }) });
  }

  /** Names of the benchmarks shown, from the top. */
  async names(): Promise<string[]> {
    return this.table.locator('tbody th .row-link').allTextContents();
  }

  async expectNames(names: string[]): Promise<void> {
    await expect(this.table.locator('tbody th .row-link')).toHaveText(names);
  }

  async search(text: string): Promise<void> {
    await this.page.getByRole('searchbox').fill(text);
    await this.page.getByRole('button', { name: 'Search', exact: true }).click();
  }
}
