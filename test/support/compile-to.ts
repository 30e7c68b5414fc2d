import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { transformSync } from '@swc/core';

/**
 * Compiles the sources of a directory to ES modules in `target`, so that a test can start one of them as a worker
 * thread, as the built program does. Specs are left out.
 */
export function compileTo(source: string, target: string): void {
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' });
  for (const file of files.filter((name) => name.endsWith('.ts') && !name.endsWith('.spec.ts'))) {
    const path = join(target, file.replace(/\.ts$/, '.js'));
    mkdirSync(dirname(path), { recursive: true });
    const { code } = transformSync(readFileSync(join(source, file), 'utf8'), {
      filename: relative(process.cwd(), join(source, file)),
      module: { type: 'es6' },
      jsc: { target: 'es2022', parser: { syntax: 'typescript', decorators: true } },
    });
    writeFileSync(path, code);
  }
  writeFileSync(join(target, 'package.json'), '{"type":"module"}');
  symlinkSync(join(process.cwd(), 'node_modules'), join(target, 'node_modules'));
}
