// The page under docs contains files that the tests run, each after a comment with its path.
// `npm run snippets` updates the page, and a test compares it.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');
export const page = join(root, 'docs/clients.md');

const SNIPPET = /(<!-- (\S+) -->\n```\w+\n)(.*?)(```\n)/gs;

/** The up-to-date text of the page, and the names of the files in it. */
export async function updated() {
  const text = await readFile(page, 'utf8');
  const names = [...text.matchAll(SNIPPET)].map(([, , name]) => name);
  const files = Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(join(root, name), 'utf8')])),
  );
  return { names, text: text.replace(SNIPPET, (_, open, name, old, close) => open + files[name] + close) };
}

if (process.argv[1] === import.meta.filename) await writeFile(page, (await updated()).text);
