import { expect, test } from '../../fixtures/test.ts';
import { AccountPage } from '../../pages/account.ts';

test('a visitor signs in with a plain form', async ({ page, administrator, visit }) => {
  await visit('/');
  const accountPage = new AccountPage(page);
  await expect(accountPage.create).toHaveCount(0);
  await accountPage.signIn(administrator);
  await accountPage.expectSignedIn();
});

test('the history reads without JavaScript', async ({ signedIn, visit }) => {
  await visit('/');
  await new AccountPage(signedIn).expectSignedIn();
});
