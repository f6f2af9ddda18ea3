import type { BrowserContext, Page } from '@playwright/test';
import { waitForHydration } from '../fixtures/hydration.ts';
import { expect, test } from '../fixtures/test.ts';
import { AccountPage, type Account } from '../pages/account.ts';
import { badge } from '../pages/badge.ts';
import { expectMessage, field } from '../pages/fields.ts';
import { PeoplePage } from '../pages/people.ts';

const PASSWORD = 'a first and long password';
const REFUSED = /the server responded with a status of 4\d\d/;

/** Signs somebody in, in a browser of their own. */
async function signIn(context: BrowserContext, account: Account): Promise<Page> {
  const page = await context.newPage();
  await page.goto('/sign-in');
  await waitForHydration(page);
  const accountPage = new AccountPage(page);
  await accountPage.signIn(account);
  await accountPage.expectSignedIn();
  return page;
}

test('an administrator lets an operator and a viewer in, who see what they may do', async ({
  signedIn: page,
  browser,
  baseURL,
  finishedRun,
  consoleWatch,
}) => {
  consoleWatch.expectComplaint(REFUSED);
  const people = new PeoplePage(page);
  const operator = { name: 'otto', password: PASSWORD };
  const viewer = { name: 'vera', password: PASSWORD };
  await people.addPerson(operator, 'operator');
  await people.addPerson(viewer, 'viewer');
  const options = baseURL === undefined ? {} : { baseURL };

  const ottos = await browser.newContext(options);
  const otto = await signIn(ottos, operator);
  await otto.goto(`/benchmarks/${finishedRun.id}`);
  await expect(otto.getByRole('button', { name: 'Start from this' })).toBeVisible();
  await expect(otto.getByRole('link', { name: 'People' })).toHaveCount(0);
  await ottos.close();

  const veras = await browser.newContext(options);
  const vera = await signIn(veras, viewer);
  await expect(vera.getByRole('link', { name: 'Run another benchmark' })).toHaveCount(0);
  await vera.goto(`/benchmarks/${finishedRun.id}`);
  await expect(vera.getByRole('heading', { level: 1 })).toBeVisible();
  for (const action of ['Start from this', 'Run again']) {
    await expect(vera.getByRole('button', { name: action })).toHaveCount(0);
  }
  const opened = await vera.goto('/people');
  expect(opened?.status()).toBe(403);
  await expect(vera.getByText('This is not open to you')).toBeVisible();
  const refused = await vera.request.post('/api/workflows/start', {
    form: { from: '' },
    headers: { origin: baseURL ?? '' },
  });
  expect(refused.status()).toBe(403);
  await veras.close();
});

test('a token made in Settings is shown once and lets a program in', async ({ signedIn: page, visit, playwright, baseURL }) => {
  await visit('/settings');
  const main = page.getByRole('main');
  await field(main, 'What for').fill('nightly comparison');
  await field(main, 'Role of the token').selectOption('viewer');
  await field(main, 'Expires after').fill('7');
  await main.getByRole('button', { name: 'Make a token' }).click();
  const shown = main.getByLabel('token', { exact: true });
  await expect(shown).toContainText(/^assay_[0-9a-f]{64}/);
  const token = (await shown.innerText()).trim();
  await expect(main.getByRole('button', { name: 'Copy token' })).toBeVisible();

  const program = await playwright.request.newContext({
    ...(baseURL === undefined ? {} : { baseURL }),
    extraHTTPHeaders: { authorization: `Bearer ${token}` },
  });
  const listed = await program.get('/api/v1/benchmark');
  expect(listed.status()).toBe(200);
  const refused = await program.post('/api/workflows/start', { form: { from: '' } });
  expect(refused.status()).toBe(403);

  await visit('/settings');
  await expect(main.getByRole('rowheader', { name: 'nightly comparison' })).toBeVisible();
  await expect(page.locator('body')).not.toContainText(token);
  const row = main.getByRole('row').filter({ hasText: 'nightly comparison' });
  await row.getByRole('button', { name: 'Revoke' }).click();
  await expect(row.getByText('Revoked')).toBeVisible();
  expect((await program.get('/api/v1/benchmark')).status()).toBe(401);
  await program.dispose();
});

test('a disabled account is signed out, and comes back when it is enabled', async ({
  signedIn: page,
  browser,
  baseURL,
}) => {
  const people = new PeoplePage(page);
  const account = { name: 'dora', password: PASSWORD };
  await people.addPerson(account, 'operator');
  const context = await browser.newContext(baseURL === undefined ? {} : { baseURL });
  const dora = await signIn(context, account);

  await people.open('dora');
  await waitForHydration(page);
  await page.getByRole('button', { name: 'Disable the account' }).click();
  await expect(badge(page, 'Disabled')).toBeVisible();
  await dora.goto('/models');
  await new AccountPage(dora).expectSignInForm();

  await page.getByRole('button', { name: 'Enable the account' }).click();
  await expect(badge(page, 'Enabled')).toBeVisible();
  await waitForHydration(dora);
  await new AccountPage(dora).signIn(account);
  await expect(dora.getByRole('heading', { name: 'Models', level: 1 })).toBeVisible();
  await context.close();
});

test('a password is changed by its owner, who stays signed in', async ({ signedIn: page, browser, baseURL, consoleWatch }) => {
  consoleWatch.expectComplaint(REFUSED);
  const account = { name: 'paul', password: PASSWORD };
  await new PeoplePage(page).addPerson(account, 'viewer');
  const context = await browser.newContext(baseURL === undefined ? {} : { baseURL });
  const paul = await signIn(context, account);
  await paul.goto('/settings');
  await waitForHydration(paul);
  const main = paul.getByRole('main');
  const change = async (present: string, password: string) => {
    await field(main, 'Present password').fill(present);
    await field(main, 'New password').fill(password);
    await field(main, 'New password again').fill(password);
    await main.getByRole('button', { name: 'Change the password' }).click();
  };
  await change('not the present one', 'another long password');
  await expectMessage(field(main, 'Present password'), 'This is not your present password.');
  await change(PASSWORD, 'another long password');
  await expect(main.getByText('Your password is changed.')).toBeVisible();
  await paul.goto('/models');
  await expect(paul.getByRole('heading', { name: 'Models', level: 1 })).toBeVisible();
  await context.close();
});
