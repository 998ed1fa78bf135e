// What every browser test starts from: a server (files with the same settings share one), and a page on which nothing may go wrong unseen.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test as base, expect, type Page } from '@playwright/test';
import { Server, type Settings } from './server';

type PerTest = { sound: undefined };
type PerWorker = { settings: Settings; server: Server };

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export const test = base.extend<PerTest, PerWorker>({
  /** Settings of the server: `test.use({ settings: { LOADTEST_RUNNER: 'on' } })` at the top of a file. */
  settings: [{}, { scope: 'worker', option: true }],
  server: [
    async ({ settings }, use) => {
      const server = await Server.start(settings);
      await use(server);
      await server.stop();
    },
    { scope: 'worker' },
  ],
  baseURL: async ({ server }, use) => use(server.url),
  /** No script fails, and the policy of no page is broken. */
  sound: [
    async ({ context }, use) => {
      const wrong: string[] = [];
      context.on('weberror', (error) => wrong.push(String(error.error())));
      context.on('console', (message) => {
        const text = message.text();
        // Chromium's words for a violated content security policy.
        if (/Content Security Policy|Refused to (load|execute|apply|connect|frame)/i.test(text)) wrong.push(text);
      });
      await use(undefined);
      expect(wrong, 'scripts that failed, and what the policy refused').toEqual([]);
    },
    { auto: true },
  ],
});

export { expect };

type Violation = { id: string; help: string; nodes: { html: string }[] };
type Axe = { run(root: Document): Promise<{ violations: Violation[] }> };

/** Nothing that axe finds on the page as it is now, by the rules of WCAG 2.1 AA and its best practices. */
export async function expectAccessible(page: Page): Promise<void> {
  await page.evaluate(AXE);
  const found = await page.evaluate(async () => {
    const { violations } = await (window as unknown as { axe: Axe }).axe.run(document);
    return violations.map(({ id, help, nodes }) => `${id}: ${help}\n${nodes.map((node) => node.html).join('\n')}`);
  });
  expect(found, `axe on ${page.url()}`).toEqual([]);
}
