import type { Locator, Page } from '@playwright/test';

/** A state or mark by its word; its shape is for the eye alone. */
export function badge(scope: Locator | Page, label: string): Locator {
  return scope.locator('.badge').filter({ hasText: label });
}
