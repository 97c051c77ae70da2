// A call's two recordings to one wav, levels, speech and a tag.
// Usage: node callweave.mjs CUSTOMER AGENT FOLDER

import { processCall } from 'callweave'

const [customer, agent, folder] = process.argv.slice(2)
const call = await processCall([customer, agent], { roles: ['customer', 'agent'] })
const report = await call.write(folder, { page: false })
for (const { role, source, alignment, level, speech } of report.tracks) {
  console.log(role, source.durationMs, alignment.offsetMs, level.activeDbov, level.loudnessLufs, speech.length)
}
console.log(report.outcome.value, report.tag.value)
