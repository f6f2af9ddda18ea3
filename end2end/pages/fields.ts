import { expect, type Locator } from '@playwright/test';

/** The control of a form with this label; optional fields say so in theirs. */
export function field(form: Locator, label: string): Locator {
  return form.getByLabel(new RegExp(`^${escaped(label)}\\s*(optional)?$`));
}

/** One control of a group of choices, by the title of its card. */
export function choice(form: Locator, group: string, title: string): Locator {
  const cards = form.getByRole('group', { name: group, exact: true }).locator('.choice');
  const titled = form.page().locator('.choice-title', { hasText: new RegExp(`^${escaped(title)}`) });
  return cards.filter({ has: titled }).getByRole('radio');
}

/** One box of a group of which several can be chosen, by the title of its card. */
export function box(form: Locator, group: string, title: string): Locator {
  const cards = form.getByRole('group', { name: group, exact: true }).locator('.choice');
  return cards.filter({ hasText: title }).getByRole('checkbox');
}

/** A message stands at the control, and readers who do not see it are told as well. */
export async function expectMessage(control: Locator, message: string | RegExp): Promise<void> {
  const pattern = typeof message === 'string' ? new RegExp(escaped(message)) : message;
  await expect(control).toHaveAccessibleDescription(pattern);
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
