import { expect, type Page } from '@playwright/test';
import { waitForHydration } from '../fixtures/hydration.ts';
import { field } from './fields.ts';

export interface DatasetFile {
  readonly fileName: string;
  readonly text: string;
}

/** Datasets: the list, the import and one of them. */
export class DatasetsPage {
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
  }

  /** Chooses the file in the form of a new dataset; does not send it. */
  async choose(name: string, file: DatasetFile): Promise<void> {
    await this.page.goto('/datasets/new');
    await waitForHydration(this.page);
    const form = this.page.getByRole('main');
    await field(form, 'Name').fill(name);
    await field(form, 'File').setInputFiles({
      name: file.fileName,
      mimeType: 'application/octet-stream',
      buffer: Buffer.from(file.text),
    });
  }

  /** Ends on the page of the dataset, with its rows. */
  async import(name: string, file: DatasetFile): Promise<void> {
    await this.choose(name, file);
    await this.page.getByRole('button', { name: 'Import', exact: true }).click();
    await this.expectReady(name);
  }

  /** The page of a dataset that is ready. */
  async expectReady(name: string): Promise<void> {
    await expect(this.page.getByRole('heading', { name, level: 1 })).toBeVisible();
    await expect(this.page.getByRole('table', { name: 'Rows', exact: true })).toBeVisible();
  }
}
