import { expect, type Page } from '@playwright/test';
import { waitForHydration } from '../fixtures/hydration.ts';
import { field } from './fields.ts';

export interface Endpoint {
  readonly name: string;
  readonly baseUrl: string;
}

export interface NewModel {
  readonly name: string;
  readonly servedName: string;
  /** A file on this machine; without one, an endpoint serves the model. */
  readonly path?: string;
  readonly tokenizer?: string;
}

/** Models and clusters. */
export class CataloguePage {
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
  }

  /** Ends on the page of the new endpoint. */
  async addEndpoint(endpoint: Endpoint): Promise<void> {
    await this.page.goto('/clusters/new');
    await waitForHydration(this.page);
    const form = this.page.getByRole('main');
    await field(form, 'Name').fill(endpoint.name);
    await field(form, 'Base URL').fill(endpoint.baseUrl);
    await form.getByRole('button', { name: 'Add the endpoint' }).click();
    await expect(this.page.getByRole('heading', { name: endpoint.name, level: 1 })).toBeVisible();
  }

  /** Ends on the list of models. */
  async addModel(model: NewModel): Promise<void> {
    await this.page.goto('/models/new');
    await waitForHydration(this.page);
    const form = this.page.getByRole('main');
    await field(form, 'Name').fill(model.name);
    await field(form, 'Name in requests').fill(model.servedName);
    if (model.path !== undefined) {
      await field(form, 'Source').selectOption('File or folder on the node');
      await field(form, 'Path on the node').fill(model.path);
    }
    await field(form, 'Tokenizer').fill(model.tokenizer ?? '');
    await form.getByRole('button', { name: 'Add the model' }).click();
    await expect(this.page.getByRole('rowheader', { name: model.name })).toBeVisible();
  }
}
