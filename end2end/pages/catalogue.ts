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
  /** The provider of a cloud model, which is asked for under its served name. */
  readonly provider?: string;
  /** What it charges for a million tokens of prompts and of answers, in US dollars. */
  readonly prices?: readonly [string, string];
  readonly tokenizer?: string;
}

export interface NewCredential {
  readonly name: string;
  readonly baseUrl: string;
  readonly key: string;
}

/** Models, clusters and credentials. */
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
    if (model.provider !== undefined) {
      await field(form, 'Source').selectOption('Cloud provider');
      await field(form, 'Provider').fill(model.provider);
      await field(form, 'Model at the provider').fill(model.servedName);
      const [input, output] = model.prices ?? ['', ''];
      await field(form, 'Price of prompts').fill(input);
      await field(form, 'Price of answers').fill(output);
    }
    await field(form, 'Tokenizer').fill(model.tokenizer ?? '');
    await form.getByRole('button', { name: 'Add the model' }).click();
    await expect(this.page.getByRole('rowheader', { name: model.name })).toBeVisible();
  }

  /** Ends on the page of the new credential. */
  async addCredential(credential: NewCredential): Promise<void> {
    await this.page.goto('/credentials/new');
    await waitForHydration(this.page);
    const form = this.page.getByRole('main');
    await field(form, 'Name').fill(credential.name);
    await field(form, 'Base URL').fill(credential.baseUrl);
    await field(form, 'Key, password or token').fill(credential.key);
    await form.getByRole('button', { name: 'Add the credential' }).click();
    await expect(this.page.getByRole('heading', { name: credential.name, level: 1 })).toBeVisible();
  }

  /** Tries the credential whose page is open. */
  async testCredential(outcome: string): Promise<void> {
    await this.page.getByRole('button', { name: 'Test now' }).click();
    await expect(this.page.locator('.page-badges')).toContainText(outcome);
  }

  /** Searches the list that is open. */
  async search(words: string, shown: string): Promise<void> {
    const form = this.page.getByRole('search');
    await form.getByRole('searchbox').fill(words);
    await form.getByLabel('Which are shown').selectOption(shown);
    await form.getByRole('button', { name: 'Search', exact: true }).click();
  }
}
