import { expect, type Page } from '@playwright/test';
import { waitForHydration } from '../fixtures/hydration.ts';
import type { Account } from './account.ts';
import { field } from './fields.ts';

export type Role = 'viewer' | 'operator' | 'lead' | 'administrator';

/** Accounts, as an administrator manages them. */
export class PeoplePage {
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
  }

  /** Ends on the page of the new account. */
  async addPerson(account: Account, role: Role): Promise<void> {
    await this.page.goto('/people/new');
    await waitForHydration(this.page);
    const form = this.page.getByRole('main');
    await field(form, 'Name').fill(account.name);
    await field(form, 'Role').selectOption(role);
    await field(form, 'New password').fill(account.password);
    await field(form, 'New password again').fill(account.password);
    await form.getByRole('button', { name: 'Add the account' }).click();
    await expect(this.page.getByRole('heading', { name: account.name, level: 1 })).toBeVisible();
  }

  async open(name: string): Promise<void> {
    await this.page.goto('/people');
    await waitForHydration(this.page);
    await this.page.getByRole('rowheader', { name }).getByRole('link').click();
    await expect(this.page.getByRole('heading', { name, level: 1 })).toBeVisible();
  }
}
