#!/usr/bin/env node
'use strict'

process.exitCode = require('../lib/native.cjs').runProgram(['callweave', ...process.argv.slice(2)])
