// Controls GraphiQL in Chromium. CHROMIUM is the path of the browser.

import assert from 'node:assert/strict';

import { chromium } from 'playwright-core';

const { CHROMIUM = '/usr/bin/chromium' } = process.env;

/** Opens a page and collects unexpected requests and errors. */
export async function openBrowser(t, origin) {
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ['--disable-gpu', '--disable-quic'],
  });
  t.after(() => browser.close());
  const context = await browser.newContext({
    permissions: ['clipboard-read', 'clipboard-write'],
    viewport: { width: 1440, height: 900 },
  });
  context.setDefaultTimeout(20_000);

  const problems = [];
  context.on('request', (request) => {
    const { origin: target, protocol } = new URL(request.url());
    if (target !== origin && target !== origin.replace('http', 'ws') && protocol !== 'data:') problems.push(`request to ${request.url()}`);
  });
  // Violations of the content security policy are also reported on the console.
  context.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text());
  });
  context.on('weberror', (error) => problems.push(`${error.error()}`));
  return { page: await context.newPage(), problems };
}

export async function openTab(page, name) {
  await page.locator('.graphiql-tab-button', { hasText: name }).click();
  await waitForOperation(page);
}

/** The visible editor with this name; those for variables and headers share one region. */
export function editor(page, name) {
  return page.getByRole('region', { name }).locator('.graphiql-editor:not(.hidden)');
}

/** Replaces the content by pasting; the editor would close typed brackets itself. */
export async function fill(page, name, text) {
  await page.evaluate((copied) => navigator.clipboard.writeText(copied), text);
  await editor(page, name).locator('textarea.inputarea').focus();
  await page.keyboard.press('ControlOrMeta+A');
  await page.keyboard.press('ControlOrMeta+V');
  await page.waitForFunction((pasted) => {
    const editors = globalThis.__MONACO?.editor.getEditors() ?? [];
    const focused = editors.find((editor) => editor.hasTextFocus());
    return focused?.getValue() === pasted;
  }, text);
}

export async function fillOperation(page, text) {
  await fill(page, 'Operation Editor', text);
  await waitForOperation(page);
}

/** Fills in variables or headers. */
export async function fillJson(page, name, value) {
  await page.getByRole('button', { name }).click();
  await fill(page, name, JSON.stringify(value, null, 2));
}

/** Waits until GraphiQL has stored the operation in its editor, which it does with a delay. */
export async function waitForOperation(page) {
  await page.waitForFunction(() => {
    // The page loads the editor after its own script.
    const models = globalThis.__MONACO?.editor.getModels() ?? [];
    const operation = models.find((model) => model.uri.path.endsWith('operation.graphql'));
    return operation && localStorage.getItem('graphiql:query') === operation.getValue();
  });
}

/** Executes the operation and returns the data of the response. */
export async function run(page) {
  await page.getByRole('button', { name: /^Execute query/ }).click();
  return responseData(page);
}

/** Starts a subscription. Returns a function that reads the latest event, or nothing after 500 ms. */
export function subscribe(page) {
  const pressed = page.getByRole('button', { name: /^Execute query/ }).click();
  return async () => {
    await pressed;
    return responseData(page, { timeout: 500 }).catch((error) => {
      if (error.name !== 'TimeoutError') throw error;
    });
  };
}

/** Waits for the response and returns its data. */
export async function responseData(page, options) {
  const { data, errors } = await response(page, options);
  assert.equal(errors, undefined, JSON.stringify(errors));
  return data;
}

/** Waits for the response. */
export async function response(page, options) {
  // The page contains only the visible lines of the editor, so the text is read from its model.
  const text = await page.waitForFunction(() => {
    const models = globalThis.__MONACO?.editor.getModels() ?? [];
    return models.find((model) => model.uri.path.endsWith('response.json'))?.getValue();
  }, undefined, options);
  return JSON.parse(await text.jsonValue());
}

/** Sends an operation without GraphiQL. */
export async function post(origin, headers, body) {
  const response = await fetch(`${origin}/graphql`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  assert.equal(response.status, 200);
}
