// The examples of the READMEs are run.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { folder, root } from './shared.mjs'

for (const readme of ['README.md', 'bindings-node/README.md']) {
  test(`the examples of ${readme} run`, (t) => {
    const blocks = [...readFileSync(readme, 'utf8').matchAll(/^```js\n(.*?)^```/gms)].map((match) => match[1])
    assert.ok(blocks.length > 0, 'no example in JavaScript')
    const out = folder(t)
    for (const [i, block] of blocks.entries()) {
      // Beside the package, so that it can be imported by its own name.
      const file = `${root}/bindings-node/tests/.example-${process.pid}-${i}.mjs`
      writeFileSync(file, block.replaceAll("'out/", `'${out}/`))
      t.after(() => rmSync(file))
      assert.ok(execFileSync(process.execPath, [file], { encoding: 'utf8' }).length > 0)
    }
  })
}
