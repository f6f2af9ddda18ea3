import { waitForHydration } from '../fixtures/hydration.ts';
import { expect, test } from '../fixtures/test.ts';
import { AccountPage } from '../pages/account.ts';
import { expectMessage } from '../pages/fields.ts';

const ACCOUNT = { name: 'grace', password: 'correct horse battery' };
const REFUSED = /the server responded with a status of 4\d\d/;
/** Attempts that one name has before it is closed for a while. */
const GUESSES = 10;

test.describe('first administrator', () => {
  test('a visitor without the link is not let in', async ({ page, freshAssay }) => {
    await page.goto(freshAssay.url);
    await expect(page.getByRole('button', { name: 'Create administrator' })).toHaveCount(0);
    await expect(page.getByRole('heading', { name: 'Benchmarks', level: 1 })).toHaveCount(0);
  });

  test('wrong values are said at the fields, then corrected', async ({ page, freshAssay, visit, consoleWatch }) => {
    consoleWatch.expectComplaint(REFUSED);
    await visit(await freshAssay.setupLink());
    const accountPage = new AccountPage(page);

    await accountPage.createAdministrator({ name: 'grace', password: 'short' });
    await expectMessage(accountPage.password, 'Use at least 12 characters; 5 given.');

    await accountPage.createAdministrator(ACCOUNT, 'correct horse batteries');
    await expectMessage(accountPage.passwordAgain, 'The two passwords differ.');

    await accountPage.createAdministrator(ACCOUNT);
    await accountPage.expectSignedIn();
  });

  test('the link works once', async ({ page, freshAssay, visit, consoleWatch }) => {
    consoleWatch.expectComplaint(REFUSED);
    const link = await freshAssay.setupLink();
    await visit(link);
    const accountPage = new AccountPage(page);
    await accountPage.createAdministrator(ACCOUNT);
    await accountPage.expectSignedIn();

    await page.goto(link);
    await expect(page.getByText('There is an administrator already.')).toBeVisible();
    await expect(accountPage.create).toHaveCount(0);
  });
});

test.describe('sign-in', () => {
  test('a wrong password is refused without saying which part was wrong', async ({
    page,
    administrator,
    visit,
    consoleWatch,
  }) => {
    consoleWatch.expectComplaint(REFUSED);
    await visit('/');
    const accountPage = new AccountPage(page);
    await accountPage.expectSignInForm();

    await accountPage.signIn({ name: administrator.name, password: 'not the password' });
    await expect(page.getByRole('alert')).toContainText(/name or password/i);
    await accountPage.expectSignInForm();

    await accountPage.signIn(administrator);
    await accountPage.expectSignedIn();
  });

  test('signing out ends the session on the server', async ({ page, context, administrator, visit }) => {
    await visit('/');
    const accountPage = new AccountPage(page);
    await accountPage.signIn(administrator);
    await accountPage.expectSignedIn();
    const { cookies } = await context.storageState();

    await waitForHydration(page);
    await accountPage.signOut();
    await accountPage.expectSignInForm();

    await context.addCookies(cookies);
    await visit('/');
    await accountPage.expectSignInForm();
  });
});

test('somebody who guesses passwords has to wait', async ({ page, freshAssay, visit, consoleWatch }) => {
  consoleWatch.expectComplaint(REFUSED);
  await visit(`${freshAssay.url}/sign-in`);
  const accountPage = new AccountPage(page);
  const refusal = page.getByRole('alert');
  for (let guess = 0; guess < GUESSES; guess++) {
    const answered = page.waitForResponse((response) => response.request().method() === 'POST');
    await accountPage.signIn({ name: 'grace', password: `guess number ${guess}` });
    await answered;
  }
  await accountPage.signIn({ name: 'grace', password: 'one more guess' });
  await expect(refusal).toContainText(/Too many attempts\. Try again in \d+ s\./);
});
