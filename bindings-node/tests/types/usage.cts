// The same package through require. Never run.
import callweave = require('callweave')

const text: string = callweave.version
export = text
