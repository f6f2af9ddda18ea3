import { expect, type Locator, type Page } from '@playwright/test';

export interface Account {
  readonly name: string;
  readonly password: string;
}

/** First administrator, sign-in and sign-out. */
export class AccountPage {
  readonly page: Page;
  readonly name: Locator;
  readonly password: Locator;
  readonly passwordAgain: Locator;
  readonly create: Locator;
  readonly signInButton: Locator;

  constructor(page: Page) {
    this.page = page;
    this.name = page.getByLabel('Name', { exact: true });
    this.password = page.getByLabel('Password', { exact: true });
    this.passwordAgain = page.getByLabel('Password again', { exact: true });
    this.create = page.getByRole('button', { name: 'Create administrator' });
    this.signInButton = page.getByRole('button', { name: 'Sign in' });
  }

  async createAdministrator(account: Account, passwordAgain = account.password): Promise<void> {
    await this.name.fill(account.name);
    await this.password.fill(account.password);
    await this.passwordAgain.fill(passwordAgain);
    await this.create.click();
  }

  async signIn(account: Account): Promise<void> {
    await this.name.fill(account.name);
    await this.password.fill(account.password);
    await this.signInButton.click();
  }

  async signOut(): Promise<void> {
    await this.page.getByRole('button', { name: 'Sign out' }).click();
  }

  async expectSignedIn(): Promise<void> {
    await expect(this.page.getByRole('heading', { name: 'Benchmarks', level: 1 })).toBeVisible();
  }

  async expectSignInForm(): Promise<void> {
    await expect(this.signInButton).toBeVisible();
  }
}
