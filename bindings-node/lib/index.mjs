export { CallweaveError, errorCodes, resolveConfig, version } from './index.cjs'
