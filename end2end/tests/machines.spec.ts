import { Sshd } from '../fixtures/sshd.ts';
import { expect, test } from '../fixtures/test.ts';
import { expectMessage, field } from '../pages/fields.ts';

test('a machine over SSH is added, its host key accepted, and another one refused', async ({ signedIn: page, visit }) => {
  const sshd = await Sshd.start();
  try {
    const main = page.getByRole('main');

    await test.step('the form tells what is wrong at its fields', async () => {
      await visit('/clusters');
      await main.getByRole('link', { name: 'Add machines' }).click();
      await field(main, 'Name').fill('Rack');
      await field(main, 'Machines').fill('bad!host');
      await field(main, 'Account').fill(sshd.user);
      await main.getByRole('button', { name: 'Add the machines' }).click();
      await expectMessage(field(main, 'Machines'), 'no host name');
      await field(main, 'Machines').fill('not a host');
      await main.getByRole('button', { name: 'Add the machines' }).click();
      await expectMessage(field(main, 'Machines'), 'Write “as”');
      await field(main, 'Machines').fill(`127.0.0.1:${sshd.port} as gpu1`);
      await main.getByRole('button', { name: 'Add the machines' }).click();
      await expectMessage(field(main, 'Private key'), 'Give the private key.');
    });

    await test.step('its host key waits until somebody accepts it', async () => {
      await field(main, 'Private key').fill(sshd.privateKey);
      await main.getByRole('button', { name: 'Add the machines' }).click();
      await expect(page.getByRole('heading', { name: 'Rack', level: 1 })).toBeVisible();
      await expect(main).toContainText('This machine is not known yet: nothing was sent.');
      await expect(main).toContainText(sshd.fingerprint);
      await main.getByRole('button', { name: 'Accept this key' }).click();
      await expect(main).toContainText('It can be signed in to.');
      // A single machine's card tells it, and the page does not repeat it.
      await expect(main.getByText('can be signed in to')).toHaveCount(1);
      await expect(main.locator('.key-value > div').filter({ hasText: 'Runs there now' })).toContainText('no run');
      await expect(main).toContainText('Round trip');
      await expect(main).toContainText('Operating system');
      await expect(main).toContainText('nothing of this installation');
      await expect(page.locator('body')).not.toContainText('OPENSSH PRIVATE KEY');
    });

    await test.step('what is being typed and answered stays while a check redraws the page', async () => {
      await field(main, 'Description').fill('being typed');
      await field(main, 'Passphrase').fill('being typed too');
      const loadedAnew = page.waitForResponse(/\/clusters\/standing/);
      await main.getByRole('button', { name: 'Check now' }).click();
      await main.getByRole('button', { name: 'Archive…' }).click();
      await loadedAnew;
      const question = page.getByRole('dialog', { name: 'Archive Rack?' });
      await expect(question).toBeVisible();
      await question.getByRole('button', { name: 'Cancel' }).click();
      await expect(question).toBeHidden();
      await expect(field(main, 'Description')).toHaveValue('being typed');
      await expect(field(main, 'Passphrase')).toHaveValue('being typed too');
      await field(main, 'Passphrase').fill('');
    });

    const accepted = sshd.fingerprint;
    await test.step('another host key is refused with both fingerprints', async () => {
      await sshd.changeHostKey();
      await main.getByRole('button', { name: 'Check now' }).click();
      await expect(main).toContainText('shows another host key than the accepted one');
      await expect(main).toContainText(accepted);
      await expect(main).toContainText(sshd.fingerprint);
      await expect(main.getByRole('button', { name: 'Accept this key' })).toHaveCount(0);
    });

    await test.step('a lead forgets the old one, and the new one waits', async () => {
      await main.getByText('Forget this key').click();
      await main.getByRole('button', { name: 'Forget it' }).click();
      await main.getByRole('button', { name: 'Accept this key' }).click();
      await expect(main).toContainText('It can be signed in to.');
    });

    await test.step('a wrong password is told at the machine that refused it', async () => {
      await field(main, 'Reached by').selectOption('password');
      await field(main, 'Password').fill('a wrong password');
      await main.getByRole('button', { name: 'Save' }).click();
      await expect(main).toContainText(`refused the password of ${sshd.user}`);
      await expect(field(main, 'Password')).toHaveValue('');
      await field(main, 'Machines').fill('127.0.0.1:1 as gpu1');
      await main.getByRole('button', { name: 'Save' }).click();
      await expectMessage(field(main, 'Password'), 'Give the password again');
    });
  } finally {
    await sshd.stop();
  }
});
