// What must compile, and, marked as such, what must not. Never run.
import { CallweaveError, errorCodes, resolveConfig, version, type ErrorCode } from 'callweave'

const text: string = version
const codes: readonly ErrorCode[] = errorCodes
resolveConfig({ mix: { rate: 8000 } })

// @ts-expect-error: not a number
const number: number = version
// @ts-expect-error: only the library makes these
new CallweaveError()

export function describe(error: unknown): string {
  if (!(error instanceof CallweaveError)) return 'another'
  // @ts-expect-error: no such code
  if (error.code === 'broken') return 'never'
  return `${error.code} in ${error.stage ?? 'no stage'} at ${error.byte ?? 'no'} byte`
}
export { codes, number, text }
