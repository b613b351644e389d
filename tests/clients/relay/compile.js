// Compiles the operations in books.js with schema.graphql into __generated__.

import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import compiler from 'relay-compiler';

const folder = join(import.meta.dirname, '__generated__');
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder);
writeFileSync(join(folder, 'package.json'), '{ "type": "commonjs" }');
writeFileSync(join(folder, 'persisted.json'), '{}');
const options = ['--noWatchman', '--output', 'quiet-with-errors', 'relay.config.json'];
execFileSync(compiler, options, { cwd: import.meta.dirname, stdio: 'inherit' });
